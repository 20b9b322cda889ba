"""Records on disk: sealed, read as they were written, refused by name otherwise; older ones; what the plan decides."""

import inspect
import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from commands.plan import print_plan
from commands.selection import Selection
from core.errors import InputError
from execution.jobs import topologically_sorted
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from results import schema
from results.__main__ import main
from results.addresses import measurements
from results.plan import PLAN_FILE, Results, read_results
from results.provenance import identities
from results.records import RECORD_FILE, UnusableRecordError, read_record, write_record
from results.report.pictures import standing_alone
from results.report.writing import write_report
from results.schema import Metric
from results.seal import sealed
from results.trail import trace
from results.writing import write_tables
from tests.results.test_tables import a_record, write_job, write_runs
from tests.support import REPOSITORY
from tests.support.declared import DATA, TABLES
from tests.support.declared import PLANNED as PLANNED_TABLES

TAGS = {"method": "mopro", "set": "webvision-v1", "seed": "0", "evaluation": "accuracy-webvision"}


def a_job(runs: Path, **changes) -> dict:
    """A plan of one job, and its record; gives the job's entry."""
    job = write_job(runs, "accuracy-webvision", "mopro", 0, {"top1": 66.0, "top5": 90.0}, **changes)
    profile = {"name": "one", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED_TABLES, "jobs": [job]}))
    return job


def change_record(path: Path, change, seals: bool = False) -> None:
    """Change a record's content, as an editor would, or as a program that seals it anew would."""
    content = json.loads(path.read_text())
    change(content)
    if seals:
        del content["digest"]
        path.write_text(sealed(content))
    else:
        path.write_text(json.dumps(content, indent=2) + "\n")


def test_what_is_written_is_read(tmp_path):
    record = a_record("job", TAGS, {"top1": 66.1}, spread=0.1, config={"rate": 1e-7, "path": "caf\udce9", "list": (1,)})
    write_record(record, tmp_path)
    read = read_record(tmp_path, "job")
    assert read.model_dump(exclude={"digest"}) == record.model_dump(exclude={"digest"})
    assert read.config == {"rate": 1e-7, "path": "caf\\udce9", "list": [1]}


@pytest.mark.parametrize(
    "again",
    [
        lambda content: json.dumps(content),
        lambda content: json.dumps(content, indent="\t").replace("\n", "\r\n"),
        lambda content: "\ufeff" + json.dumps(content, indent=4, ensure_ascii=False),
    ],
)
def test_spaces_and_line_breaks_are_no_edit(tmp_path, again):
    write_record(a_record("job", TAGS, {"top1": 66.1}, config={"name": "é"}), tmp_path)
    path = tmp_path / RECORD_FILE
    before = read_record(tmp_path, "job")
    path.write_text(again(json.loads(path.read_text())))
    assert read_record(tmp_path, "job") == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "is damaged (not JSON)"),
        (lambda text: text[:100], "is damaged (not JSON)"),
        (lambda text: "[]", "is damaged (not a JSON object)"),
        (lambda text: "[" * 100_000, "is damaged (nested too deeply)"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 0'), "was edited after it was written"),
        (lambda text: text.replace("66.0", "99.9"), "was edited after it was written"),
        (lambda text: text.replace("66.0", "250"), "was edited after it was written"),
        (lambda text: text.replace("66.0", "NaN"), "is damaged (it holds a number that is not finite)"),
        (lambda text: text.replace("66.0", "1e999"), "is damaged (it holds a number that is not finite)"),
        (lambda text: text.replace('"seed": "0"', '"seed": "1"'), "was edited after it was written"),
        (lambda text: re.sub(r'"digest": "..', '"digest": "zz', text), "was edited after it was written"),
        (lambda text: re.sub(r',\s*"digest": "[^"]+"', "", text), "was edited after it was written"),
        (lambda text: text.replace('"seconds": 0.0', '"seconds": 0.0, "seconds": 1.0'), "was edited after it was"),
    ],
)
def test_a_record_that_was_changed_is_named_and_left_out(tmp_path, capsys, change, said):
    job = a_job(tmp_path)
    path = tmp_path / job["folder"] / RECORD_FILE
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    results = read_results(tmp_path)
    assert results.missing == [job["name"]]
    (problem,) = results.problems
    assert problem.startswith(f"The record {path} {said}") and "\n" not in problem
    assert main(["tables", str(tmp_path)]) == 0
    assert f"Left out: {problem}" in capsys.readouterr().out
    write_report(results, tmp_path)
    assert said in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["metrics"]["top1"].update(value=250), "(metrics: top1 is 250 %, and a percentage lies between"),
        (lambda it: it["metrics"]["top1"].update(value="high"), "(metrics.top1.value: input should be a valid number"),
        (lambda it: it["metrics"]["top1"].update(n=0), "(metrics.top1.n: input should be greater than 0, found 0)"),
        (lambda it: it["metrics"]["top1"].update(spread=-1), "(metrics.top1.spread: input should be greater than or"),
        (lambda it: it.update(metrics={}), "(metrics: dictionary should have at least 1 item"),
        (lambda it: it.update(extra=1), "(extra: extra inputs are not permitted"),
        (lambda it: it.pop("cost"), "(cost: field required)"),
        (
            lambda it: it.update(identity="other"),
            "is of another job (accuracy-webvision/mopro/webvision-v1/s",
        ),
        (lambda it: it.update(schema_version=3), "has schema version 3, and this code reads 1 and 2: read it with"),
    ],
)
def test_a_sealed_record_that_cannot_be_right_is_named_and_left_out(tmp_path, change, said):
    job = a_job(tmp_path)
    change_record(tmp_path / job["folder"] / RECORD_FILE, change, seals=True)
    (problem,) = read_results(tmp_path).problems
    assert said in problem


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_record_never_holds_what_is_not_finite(tmp_path, bad):
    for changes in ({"config": {"a": [1, {"b": bad}]}}, {"provenance": {"history": {3: bad}}}):
        with pytest.raises(ValidationError, match="no finite number"):
            a_record("job", TAGS, {"top1": 1.0}, **changes)
    for field in ("value", "spread"):
        with pytest.raises(ValidationError, match="finite number"):
            Metric.model_validate({"value": 1.0, "unit": "images", "n": 1} | {field: bad})
    with pytest.raises(ValidationError, match="finite number"):
        a_record("job", TAGS, {"top1": 1.0}, cost={"seconds": bad, "gpu_hours": 0})


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


def test_fingerprints_stand_apart_from_what_else_a_stage_says():
    fingerprint = {"images": 3, "classes": 2, "sha256": "ab"}
    said = {
        "voc07": {"test": fingerprint | {"full_sha256": "cd", "present_classes": 1}},
        "imagenet": fingerprint | {"unheard_of": 5},
        "list": {"images": 3, "sha256": "ef"},
        "nothing": {},
    }
    data, rest = identities(said)
    known = {name: split.model_dump(exclude_none=True) for name, split in data.items()}
    plain = {"images": 3, "classes": 2, "names_sha256": "ab"}
    assert known == {"voc07.test": plain | {"full_sha256": "cd", "present_classes": 1}, "imagenet": plain}
    assert rest == {"imagenet": {"unheard_of": 5}, "list": said["list"], "nothing": {}}


VERSION_1 = {
    "schema_version": 1,
    "name": "accuracy-webvision/mopro/webvision-v1/seed0",
    "identity": "accuracy-webvision/mopro/webvision-v1/seed0",
    "stage": "pretrain.accuracy:run",
    "tags": TAGS,
    "seed": 0,
    "config": {"crop": 28},
    "inputs": {"checkpoint": "abc"},
    "metrics": {"top1": {"value": 71.5, "unit": "%", "n": 41, "spread": None}},
    "provenance": {"webvision": {"images": 41, "classes": 10, "sha256": "def"}, "operators": "torch", "note": "a"},
    "code": {"commit": "0123456789abcdef", "dirty": True},
    "packages": {"torch": "2.13.0"},
    "hardware": {"machine": "x86_64", "cores": 2, "gpu": None, "tasks": 1, "cpus_per_task": 1},
    "cost": {"started": "2026-01-01T00:00:00+00:00", "seconds": 3.5, "gpu_hours": 0.0},
}


def test_a_record_of_version_1_is_read_and_what_it_lacks_is_unknown(tmp_path, capsys):
    job = a_job(tmp_path)
    path = tmp_path / job["folder"] / RECORD_FILE
    path.write_text(json.dumps(VERSION_1, indent=2))
    before = path.read_bytes()
    record = read_record(path.parent, job["identity"])
    assert record.metrics["top1"].value == 71.5
    assert record.data["webvision"].names_sha256 == "def"
    assert (record.environment.operators, record.provenance) == ("torch", {"note": "a"})
    assert main(["trace", "accuracy/mopro/top1", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for said in (
        "record.json (version 1)",
        "code         0123456789abcdef with changes",
        "data         webvision 41 images, sha256 def",
        "lock sha256 unknown",
        "cpu unknown, cores 2, gpu none",
        "seconds 3.5, gpu hours 0.0, peak memory unknown, peak gpu memory unknown, starts unknown",
    ):
        assert said in printed
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": {}}, "metrics: dictionary should have at least 1 item"),
        ({"metrics": {"top1": {"value": None, "unit": "%", "n": 41}}}, "metrics.top1.value: input should be a valid"),
        ({"metrics": {"top1": {"value": 101, "unit": "%", "n": 41}}}, "metrics: top1 is 101 %"),
        ({"more": 1}, "more: extra inputs are not permitted"),
        ({"cost": {}}, "cost.started: field required"),
    ],
)
def test_a_record_of_version_1_is_checked_too(tmp_path, changes, said):
    (tmp_path / RECORD_FILE).write_text(json.dumps(VERSION_1 | changes))
    with pytest.raises(UnusableRecordError, match=rf"is damaged \({re.escape(said)}"):
        read_record(tmp_path, VERSION_1["identity"])


def plan_of(*jobs: dict, **profile) -> dict:
    profile = {"name": "p", "compares_with": "claims", "tolerance": 0.5, "data": DATA} | profile
    return {"profile": profile, "tables": PLANNED_TABLES, "jobs": list(jobs)}


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


METRICS = {
    "accuracy": {"top1": 60.0, "top5": 90.0},
    "cleaning": {"kept": 70.0},
    "lowshot": {"k1": 30.0, "k16": 60.0},
    "robustness": {"accuracy": 20.0},
    "finetune": {"top1": 60.0},
    "detection": {"box_ap": 10.0},
}


def planned_of(profile: str) -> list:
    return [
        job
        for job in jobs_of(load_profile(profile, ["seeds=[0, 1]"] if profile != "released" else []))
        if job.tags.get("set") in (None, "none", "webvision", "webvision-v1", "imagenet")
    ]


PLANNED = {name: planned_of(name) for name in ("mini", "ablation")}
CLAIMS = load_profile("mini").model_dump(mode="json")["claims"]


def write_part(runs: Path, chosen: list, done: set[str], compares_with: str) -> Results:
    """A plan of some jobs and what they need, and records of those that are done."""
    jobs = topologically_sorted(chosen)
    profile = {"name": "part", "compares_with": compares_with, "tolerance": 0.5, "claims": CLAIMS, "data": DATA}
    write_plan(jobs, profile, TABLES, runs)
    for job in jobs:
        if job.name in done:
            kind = job.tags.get("evaluation", "").split("-")[0]
            tags = dict(job.tags) or {"seed": "0"}
            write_record(
                a_record(job.name, {"seed": "0"} | tags, METRICS.get(kind, {"steps": 1.0}), identity=job.identity),
                job.folder(runs),
            )
    return read_results(runs)


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
    assert ("The paper's claims, tested" in printed) == compared
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
        "MoPro,WebVision-V1.0,VOC07 k=4,,,,54.0,2.5,1,,,,,100,3" in (runs / "tables/lowshot.csv").read_text()
    ) == marked


def test_the_plan_that_is_printed_says_what_is_held_back(tmp_path, capsys):
    profile = load_profile("mini", ["seeds=[100]"])
    jobs = jobs_of(profile)
    record = jobs[0].folder(tmp_path) / RECORD_FILE
    record.parent.mkdir(parents=True)
    record.write_text("{")
    print_plan(Selection(profile, jobs, jobs, jobs, tmp_path, []))
    printed = capsys.readouterr().out
    assert f"{jobs[0].name} is held back: The record {record} is damaged (not JSON): restore it" in printed
    assert all(f"{job.name} is held back: needs " in printed for job in jobs if jobs[0] in job.needs.values())
    states = [line.split("  ")[0] for line in printed.split("\n\n")[0].splitlines() if "  to do  " in line]
    assert states == ["untrained/random/none/seed100"]


DOCUMENT = REPOSITORY / "docs/records.md"
MODELS = [it for it in vars(schema).values() if isinstance(it, type) and issubclass(it, schema.Part)]


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of each field."""
    listed = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", listed, re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in entries}


@pytest.mark.parametrize("model", [it for it in MODELS if it is not schema.Part], ids=lambda model: model.__name__)
def test_every_field_is_documented(model):
    """To mend: copy the docstring's words into the table of docs/records.md."""
    fields = meanings(model)
    assert fields.keys() == model.model_fields.keys()
    section = DOCUMENT.read_text().partition(f"\n## {model.__name__}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", section, re.MULTILINE)
    assert [(name, meaning) for name, _, meaning in rows] == list(fields.items())
    for name, kind, _ in rows:
        assert ("or null" in kind) == (type(None) in getattr(model.model_fields[name].annotation, "__args__", ())), name
