"""The plan on disk: what makes it consistent, and what any part of one gives."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.plan import print_plan
from commands.selection import Selection
from core.errors import InputError
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from results.addresses import measurements
from results.plan import PLAN_FILE, read_results
from results.records import RECORD_FILE
from results.report.pictures import standing_alone
from results.report.writing import write_report
from results.trail import trace
from results.writing import write_tables
from tests.results.test_records import a_job, change_record
from tests.support.declared import DATA, TABLES
from tests.support.declared import PLANNED as PLANNED_TABLES
from tests.support.part_runs import CLAIMS, planned_of, write_part
from tests.support.result_runs import write_job, write_runs


def test_the_plan_says_what_a_figure_is_of(tmp_path):
    """Name, tags and seed of the record, which the digest of a sealed one covers, decide nothing."""
    runs = write_runs(tmp_path, "claims")
    before = write_tables(read_results(runs), runs)

    def change(content):
        content["tags"] = {"method": "ce", "set": "elsewhere", "seed": "77", "evaluation": "lowshot-voc07"}
        content["name"], content["seed"] = "something/else", 77
        content["metrics"]["unheard_of"] = {"value": 5, "unit": "parsec", "n": 1}

    for path in runs.rglob(RECORD_FILE):
        change_record(path, change, seals=True)
    assert write_tables(read_results(runs), runs) == before


def plan_of(*jobs: dict, **profile) -> dict:
    profile = {"name": "p", "compares_with": "claims", "tolerance": 0.5, "data": DATA} | profile
    return {"profile": profile, "tables": PLANNED_TABLES, "jobs": list(jobs)}


COLUMN = {"title": "Top", "evaluation": "knn", "metric": "top1"}
JOB = {"name": "a/b", "identity": "1", "folder": "a/b-1", "tags": {}}


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"profile": {}, "tables": [], "jobs": [{"name": "a"}]}, "jobs.0.identity: field required"),
        (
            {"profile": {"name": "p"}, "jobs": []},
            "it does not say which tables there are, as one of an earlier version",
        ),
        (plan_of() | {"tables": [PLANNED_TABLES[0]] * 2}, "the table accuracy appears twice"),
        (
            plan_of() | {"tables": [PLANNED_TABLES[0] | {"name": "../a"}]},
            "no file can be called by the name of the tab",
        ),
        (plan_of() | {"tables": [{"name": "a"}]}, "tables.0.title: field required"),
        (plan_of() | {"tables": [PLANNED_TABLES[0] | {"columns": []}]}, "the table accuracy has no columns"),
        (plan_of() | {"tables": [PLANNED_TABLES[0] | {"name": "claims"}]}, "the table claims would be that of the cl"),
        (plan_of() | {"tables": [PLANNED_TABLES[0] | {"title": "a\nb"}]}, "the table accuracy has the title or head"),
        *(
            (plan_of() | {"tables": [PLANNED_TABLES[0] | {"columns": columns}]}, said)
            for columns, said in (
                ([COLUMN, COLUMN | {"metric": "top5"}], "the table accuracy has two columns 'Top'"),
                ([COLUMN | {"title": "Pretraining set"}], "the table accuracy has two columns 'Pretraining set'"),
                ([COLUMN | {"title": " "}], "the table accuracy has the title or heading ' '"),
                ([COLUMN | {"metric": ""}], "the column 'Top' of the table accuracy names no metric"),
            )
        ),
        (plan_of(name=3), "the profile has no name"),
        (plan_of(methods=3), "the profile's methods are no settings by name"),
        (plan_of(resources={"pretrain": 3}), "the profile's resources are no settings by name"),
        (plan_of(compares_with="nothing"), "the profile's compares_with is neither paper nor claims"),
        (plan_of(compares_with="paper", tolerance=None), "the profile's tolerance is no number"),
        (plan_of(compares_with="paper", tolerance={"accuracy": "1"}), "the profile's tolerance is no number"),
        (plan_of(JOB, JOB), "a/b or its folder a/b-1 appears twice"),
        (plan_of(JOB, JOB | {"name": "c"}), "c or its folder a/b-1 appears twice"),
        (plan_of(JOB | {"folder": "../elsewhere"}), "the folder ../elsewhere of a/b is not one below the plan's"),
        (plan_of(JOB | {"folder": "/etc"}), "the folder /etc of a/b is not one below"),
        (plan_of(JOB | {"folder": "a\0b"}), "a name, folder, identity or tag of the job 'a/b' is empty or can"),
        (plan_of(JOB | {"tags": {"evaluation": "cleaning"}}), "the tags of a/b do not say of which method"),
        (plan_of(JOB | {"tags": {"seed": "one"}}), "the seed one of a/b is no number"),
        (plan_of(JOB | {"needs": {"x": "a/b"}}), "a/b needs a/b, which does not come before it"),
        (plan_of(JOB | {"needs": {"x": "none"}}), "a/b needs none, which does not come before it"),
        ([], "not a JSON object"),
    ],
)
def test_a_plan_that_does_not_hang_together_is_an_error(tmp_path, plan, said):
    (tmp_path / PLAN_FILE).write_text(json.dumps(plan))
    with pytest.raises(InputError, match=rf"plan\.json is damaged \({re.escape(said)}.*: write it anew"):
        read_results(tmp_path)


def test_a_plan_is_sealed_too(tmp_path):
    jobs = jobs_of(load_profile("mini"))
    write_plan(
        jobs, load_profile("mini").model_dump(mode="json"), TABLES, tmp_path, ["--set", "data.imagenet=/caf\udce9"]
    )
    assert [job.name for job in read_results(tmp_path).jobs] == [job.name for job in jobs]
    path = tmp_path / PLAN_FILE
    text = path.read_text()
    path.write_text(text.replace('"seed": "100"', '"seed": "101"', 1))
    with pytest.raises(InputError, match=r"plan\.json was edited after it was written: write it anew"):
        read_results(tmp_path)
    path.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"plan\.json is damaged \(not JSON\)"):
        read_results(tmp_path)


def test_a_table_without_a_tolerance_of_its_own(tmp_path):
    job = a_job(tmp_path)
    plan = plan_of(job, compares_with="paper", tolerance={"lowshot": 1})
    (tmp_path / PLAN_FILE).write_text(json.dumps(plan))
    with pytest.raises(InputError, match="profile p has no tolerance for the table accuracy: add it"):
        write_tables(read_results(tmp_path), tmp_path)


PLANNED = {name: planned_of(name) for name in ("mini", "ablation")}


@pytest.mark.parametrize("profile", PLANNED)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_part_of_a_plan_gives_tables_and_trails(profile, tmp_path_factory, data):
    planned = PLANNED[profile]
    chosen = data.draw(st.lists(st.sampled_from(planned), max_size=12))
    done = {job.name for job in chosen if data.draw(st.booleans())}
    runs = tmp_path_factory.mktemp("runs")
    results = write_part(runs, chosen, done, data.draw(st.sampled_from(["claims", "paper"])))
    printed = write_tables(results, runs)
    methods = {(job.figure[0], job.figure[1]) for job in results.jobs if job.figure}
    compared = any((it, on) in methods for method, on in methods if method == "mopro" for it in CLAIMS["baselines"])
    assert ("The claims, tested" in printed) == compared
    for measurement in measurements(results):
        assert measurement.address in trace(results, runs, measurement.address)


@pytest.mark.parametrize("methods", [["no-correction"], ["mopro"], ["ce"], ["no-correction", "ce"]])
def test_without_a_baseline_or_the_better_method_there_are_no_claims(tmp_path, methods):
    """Tables, report and picture; claims that an earlier plan had are taken away."""
    every = [job for job in PLANNED["ablation"] if job.tags.get("evaluation") == "lowshot-voc07"]
    whole = write_part(tmp_path, every, {job.name for job in every}, "claims")
    assert "tested" in write_tables(whole, tmp_path)
    assert (tmp_path / "tables/claims.csv").exists()
    chosen = [job for job in every if job.tags["method"] in methods]
    results = write_part(tmp_path, chosen, set(), "claims")
    printed = write_tables(results, tmp_path)
    assert "30.00 ± 0.00 (2)" in printed and "tested" not in printed
    assert not list((tmp_path / "tables").glob("claims.*"))
    assert 'id="claims"' not in write_report(results, tmp_path).read_text()
    with pytest.raises(InputError, match="Profile part has tested no claim"):
        standing_alone(results)


def test_a_figure_that_a_finished_job_does_not_have_was_not_measured(tmp_path):
    jobs = [
        write_job(tmp_path, "lowshot-voc07", "mopro", 0, {"k3": 30.0}),
        write_job(tmp_path, "lowshot-voc07", "ce", 0, {}),
    ]
    methods = {"mopro": {"title": "MoPro"}, "ce": {"title": "CE"}}
    for compares_with in ("claims", "paper"):
        (tmp_path / PLAN_FILE).write_text(json.dumps(plan_of(*jobs, compares_with=compares_with, methods=methods)))
        printed = write_tables(read_results(tmp_path), tmp_path)
        lines = [line for line in printed.splitlines() if "published only" not in line]
        cells = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
        assert "not measured" in cells["MoPro"] and "not run" not in cells["MoPro"]
        assert "not run" in cells["CE"] and "not measured" not in cells["CE"]


@pytest.mark.parametrize(("stopped", "marked"), [(0, False), (3, True)])
def test_figures_of_svms_that_did_not_converge_are_marked(tmp_path, stopped, marked):
    runs = write_runs(tmp_path, "claims")

    def change(content):
        for metric in content["metrics"].values():
            metric["convergence"] = {"fitted": 100, "not_converged": 0}
        content["metrics"]["k4"]["convergence"]["not_converged"] = stopped

    change_record(runs / "lowshot-voc07/mopro/webvision-v1/seed0" / RECORD_FILE, change, seals=True)
    results = read_results(runs)
    printed = write_tables(results, runs)
    note = "† SVMs behind the figure stopped at their limit of iterations before they converged (MoPro, WebVision-V1."
    assert (f"- {note}0, VOC07 k=4: 3 of 100)." in printed) == marked
    assert ("54.00 ± 2.50 (1) †" in printed) == marked
    assert printed.count("†") == 2 * marked
    page = write_report(results, runs).read_text()
    assert (note in page) == ('<sup title="3 of 100 SVMs did not converge">†</sup>' in page) == marked
    assert (r"(1) \ensuremath{\dagger}" in (runs / "tables/lowshot.tex").read_text().replace(r" \\ ", " ")) == marked
    assert ("3 of 100" in (runs / "tables/lowshot.tex").read_text()) == marked
    assert (
        "MoPro,WebVision-V1.0,VOC07 k=4,,,,54.0,2.5,1,,,,,,,100,3" in (runs / "tables/lowshot.csv").read_text()
    ) == marked


def test_the_plan_that_is_printed_says_what_is_held_back(tmp_path, capsys):
    profile = load_profile("mini", ["seeds=[100]"])
    jobs = jobs_of(profile)
    record = jobs[0].folder(tmp_path) / RECORD_FILE
    record.parent.mkdir(parents=True)
    record.write_text("{")
    print_plan(Selection(profile, jobs, jobs, jobs, tmp_path, [], []))
    printed = capsys.readouterr().out
    assert f"{jobs[0].name} is held back: The record {record} is damaged (not JSON): restore it" in printed
    assert all(f"{job.name} is held back: needs " in printed for job in jobs if jobs[0] in job.needs.values())
    states = [line.split("  ")[0] for line in printed.split("\n\n")[0].splitlines() if "  to do  " in line]
    assert states == ["untrained/random/none/seed100"]
