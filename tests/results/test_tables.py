"""Tables from records: figures, verdicts, claims; a golden table from a small set of records."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InputError
from profiles.load import load_profile
from profiles.schema import slug
from results.frame import read_frame
from results.plan import PLAN_FILE, read_results
from results.published import read_published
from results.report.writing import write_report
from results.tables import build_tables, figures
from results.writing import write_tables
from tests.support.declared import DATA, PLANNED, TABLES
from tests.support.operations import last_doubling
from tests.support.result_runs import METHODS, write_job, write_runs

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("compares_with", ["paper", "claims"])
def test_golden_tables(tmp_path, compares_with):
    """To regenerate: write_tables(read_results(write_runs(folder, ...)), folder), and read the difference."""
    runs = write_runs(tmp_path, compares_with)
    assert write_tables(read_results(runs), runs) == (GOLDEN / f"{compares_with}.md").read_text()


def test_tables_are_written_in_three_forms(tmp_path):
    runs = write_runs(tmp_path, "claims")
    write_tables(read_results(runs), runs)
    written = sorted(path.name for path in (runs / "tables").iterdir())
    names = ("accuracy", "claims", "gain", "lowshot", "single-figures")
    assert written == [f"{name}.{form}" for name in names for form in ("csv", "md", "tex")]
    assert r"\toprule" in (runs / "tables/claims.tex").read_text()


def test_figures_as_a_data_frame(tmp_path):
    frame = read_frame(write_runs(tmp_path, "claims"))
    top1 = frame[(frame.evaluation == "accuracy-webvision") & (frame.metric == "top1")]
    assert top1.groupby("method").value.mean().to_dict() == pytest.approx({"ce": 67.0, "mopro": 74.1})
    assert frame[frame.evaluation == "lowshot-voc07"].spread.tolist() == [2.5] * 5


def test_records_of_another_plan_are_left_out(tmp_path):
    runs = write_runs(tmp_path, "claims")
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["jobs"][0]["identity"] = "changed"
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    results = read_results(runs)
    assert results.missing == [plan["jobs"][0]["name"], "lowshot-voc07/ce/webvision-v1/seed0"]


def test_without_a_plan(tmp_path):
    with pytest.raises(InputError, match=r"holds no plan\.json"):
        read_results(tmp_path)


RETRAINED = {"accuracy-webvision-retrained": {"top1": 74.0, "top5": 90.5}}
CLEANED = {"cleaning": {"noise_corrected": 60.0, "clean_kept": 95.0, "out_of_distribution_dropped": 70.0, "kept": 65.0}}


def tables_with(runs: Path, compares_with: str, further: dict) -> dict:
    """All tables by name, where MoPro has further jobs."""
    write_runs(runs, compares_with)
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["jobs"] += [write_job(runs, evaluation, "mopro", 0, metrics) for evaluation, metrics in further.items()]
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    return {table.name: table for table in build_tables(read_results(runs))}


def test_what_no_job_is_planned_for_is_not_applicable(tmp_path):
    cells = tables_with(tmp_path, "claims", RETRAINED)["accuracy"].cells
    assert [row["WebVision top-1, re-trained"] for row in cells] == ["not applicable", "74.00 (1)"]
    assert "ImageNet top-1, re-trained" not in cells[0]
    pending = {"accuracy-webvision-retrained": {}}
    cells = tables_with(tmp_path / "pending", "claims", pending)["accuracy"].cells
    assert [row["WebVision top-1, re-trained"] for row in cells] == ["not applicable", "not run"]


@pytest.mark.parametrize("compares_with", ["claims", "paper"])
def test_what_the_profile_could_measure_is_not_run(tmp_path, compares_with):
    """As after a command for less: the other method's job, of which there is no record, is none of the plan's."""
    runs = write_runs(tmp_path, compares_with)
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["jobs"] = [job for job in plan["jobs"] if not job["name"].startswith("lowshot-voc07/ce")]
    for possible, word in (([], "not applicable"), ([["ce", "webvision-v1", "lowshot-voc07"]], "not run")):
        (runs / PLAN_FILE).write_text(json.dumps(plan | {"possible": possible}))
        (table,) = (table for table in build_tables(read_results(runs)) if table.name == "lowshot")
        (row,) = (row for row in table.cells if row["Method"] == "CE" and row.get("Verdict") != "published only")
        assert row["VOC07 k=1" if compares_with == "claims" else "Ours"] == word


def test_the_report_has_the_same_word(tmp_path):
    runs = write_runs(tmp_path, "claims")
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["jobs"] = [job for job in plan["jobs"] if not job["name"].startswith("accuracy-imagenet/ce")]
    for possible, word in (([], "not applicable"), ([["ce", "webvision-v1", "accuracy-imagenet"]], "not run")):
        (runs / PLAN_FILE).write_text(json.dumps(plan | {"possible": possible}))
        page = write_report(read_results(runs), runs).read_text().partition('<section id="tables">')[2]
        line = page[page.index('<th scope="row">ImageNet top-1</th>') :].partition("</tr>")[0]
        assert line.count(f'<td class="spread">{word}</td>') == 1


def test_figures_of_one_title_in_two_tables_stand_apart_among_the_claims(tmp_path):
    runs = write_runs(tmp_path, "claims")
    plan = json.loads((runs / PLAN_FILE).read_text())
    column = {"title": "ImageNet top-1", "evaluation": "knn", "metric": "top1"}
    plan["tables"].append({"name": "knn", "title": "Nearest neighbours (%)", "columns": [column]})
    for seed in range(3):
        for method, value in (("ce", 20.0), ("mopro", 10.0 + seed)):
            plan["jobs"].append(write_job(runs, "knn", method, seed, {"top1": value}))
    plan["profile"]["claims"]["primary"]["neighbours"] = ["knn/top1"]
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    rows = next(table for table in build_tables(read_results(runs)) if table.name == "single-figures").cells
    found = {row["Figure"]: row["MoPro − CE"].partition(" ")[0] for row in rows}
    assert found["ImageNet top-1 (accuracy-imagenet/top1)"] == "+7.10"
    assert found["ImageNet top-1 (knn/top1)"] == "-9.00"
    assert found["WebVision top-1"] == "+7.10"


def test_the_papers_mopro_figures_stand_beside_the_retrained_classifier(tmp_path):
    cells = tables_with(tmp_path, "paper", RETRAINED)["accuracy"].cells
    planned = [row for row in cells if row["Verdict"] != "published only"]
    found = {(row["Method"], row["Figure"], row["Paper"]) for row in planned if "WebVision top-1" in row["Figure"]}
    assert found == {
        ("CE", "WebVision top-1", "66.4"),
        ("MoPro", "WebVision top-1", "unknown"),
        ("MoPro", "WebVision top-1, re-trained", "73.9"),
    }


def test_a_table_the_paper_does_not_have_is_shown_once_it_is_measured(tmp_path):
    cells = tables_with(tmp_path / "measured", "claims", CLEANED)["cleaning"].cells
    assert [row["Noise corrected"] for row in cells] == ["not applicable", "60.00 (1)"]
    assert "cleaning" not in tables_with(tmp_path / "pending", "claims", {"cleaning": {}})
    beside_the_papers = tables_with(tmp_path / "paper", "paper", CLEANED)["cleaning"].cells
    assert beside_the_papers == cells
    assert "cleaning" not in tables_with(tmp_path / "not measured", "paper", {"cleaning": {}})


def test_columns_that_no_job_of_the_plan_measures_are_left_out(tmp_path):
    metrics = {"top1": 71.0, "top5": 90.0}
    jobs = [write_job(tmp_path, f"finetune-{share}", "mopro", 0, metrics) for share in ("1pct", "30pct")]
    profile = {"name": "golden", "compares_with": "paper", "tolerance": 0.5, "data": DATA, "methods": METHODS}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    (table,) = build_tables(read_results(tmp_path))
    ours = [row for row in table.cells if row["Method"] == "MoPro"]
    assert [row["Figure"] for row in ours] == [f"{share}% fine-tuning top-{k}" for share in (1, 30) for k in (1, 5)]
    assert [row["Paper"] for row in ours] == ["71.2", "90.5", "unknown", "unknown"]
    assert [row["Difference"] for row in ours] == ["-0.20", "-0.50", "", ""]
    assert any("recipe for 10% is not published" in note for note in table.notes)
    assert any("another subset on every rank" in note for note in table.notes)


# Which published row stands beside which of ours; None where the paper's table has no such row.
COMPARED = {
    ("webvision", "ce", "webvision-v1"): "Cross-Entropy",
    ("webvision", "ce", "webvision-v05"): None,
    ("webvision", "ce", "webvision-v2"): None,
    ("webvision", "mopro", "webvision-v1"): "MoPro (R50)",
    ("webvision", "mopro", "webvision-v05"): None,
    ("lowshot", "ce", "webvision-v05"): "CE",
    ("lowshot", "ce", "webvision-v1"): "CE",
    ("lowshot", "mopro", "webvision-v2"): "MoPro",
    ("lowshot", "mopro-v1-release", "webvision-v1.0"): "MoPro",
    ("lowshot", "imagenet-supervised", "imagenet"): "CE supervised",
    ("lowshot", "moco-v2", "imagenet"): "MoCo v2",
    ("lowshot", "pcl-v2", "imagenet"): "PCL v2",
    ("lowshot", "simclr", "imagenet"): None,  # the published one is a re-implementation with 200 epochs
    ("finetune", "mopro", "webvision-v1"): "MoPro (90 ep)",
    ("finetune", "mopro", "webvision-v05"): "MoPro",
    ("finetune", "mopro", "webvision-v2"): "MoPro",
    ("finetune", "ce", "webvision-v2"): "CE",
    ("finetune", "simclr", "imagenet"): "SimCLR (1000 ep)",
    ("finetune", "byol", "imagenet"): "BYOL (1000 ep)",
    ("finetune", "swav", "imagenet"): "SwAV (800 ep)",
    ("finetune", "pcl-v2", "imagenet"): None,  # PCL v1 alone is published
    ("robustness", "ce", "webvision-v1"): "CE",
    ("robustness", "mopro", "webvision-v05"): None,
    ("robustness", "imagenet-supervised", "imagenet"): "CE supervised",
    ("coco", "mopro", "webvision-v2"): "MoPro",
    ("coco", "imagenet-supervised", "imagenet"): "CE supervised",
    ("coco", "moco-v2", "imagenet"): None,  # MoCo v1 alone is published
}


@pytest.mark.parametrize(("compared", "expected"), COMPARED.items())
def test_each_row_stands_beside_its_own_figures(compared, expected):
    table, method, training_set = compared
    of_table = {(row, trained_on) for name, row, trained_on, _ in read_published(TABLES) if name == table}
    names = METHODS[method]["published"].get(table, ())
    profile = load_profile("released")
    titles = {name: section.title for name, section in profile.data.webvision.items()}
    titles |= {slug(release.pretrained_on): release.pretrained_on for release in profile.released.values()}
    titles["none"] = "-"
    found = [name for name in names if (name, titles[training_set]) in of_table]
    assert found[0].startswith(expected) if expected else not found, found
    assert len(found) == (2 if expected == "Cross-Entropy" else bool(expected))


def test_sources_that_disagree_about_plain_cross_entropy_are_both_shown(tmp_path):
    cells = tables_with(tmp_path, "paper", {})["accuracy"].cells
    (top1, top5) = (row for row in cells if row["Method"] == "CE" and row["Figure"].startswith("ImageNet"))
    assert (top1["Paper"], top1["Source"], top1["Difference"]) == ("57.7 or 65.7", "conflict", "")
    assert top1["Verdict"] == "paper's figure disputed"
    assert (top5["Paper"], top5["Source"], top5["Difference"]) == ("85.1", "secondary", "-6.10")


def test_rows_of_the_literature_that_are_not_run_are_shown(tmp_path):
    metrics = {"top1": 71.0, "top5": 90.0}
    jobs = [write_job(tmp_path, "finetune-1pct", "mopro", 0, metrics)]
    profile = {"name": "golden", "compares_with": "paper", "tolerance": 0.5, "data": DATA, "methods": METHODS}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    (table,) = build_tables(read_results(tmp_path))
    only = [row for row in table.cells if row["Verdict"] == "published only"]
    assert {"PIRL (800 ep)", "SwAV (800 ep)"} <= {row["Method"] for row in only}
    assert {row["Ours"] for row in only} == {"not run"} and "unknown" not in {row["Paper"] for row in only}
    assert not [row for row in only if row["Method"].startswith("MoPro")]
    assert {row["Figure"] for row in only} == {"1% fine-tuning top-1", "1% fine-tuning top-5"}


def test_what_a_release_cannot_be_asked_is_not_applicable(tmp_path):
    jobs = [
        write_job(tmp_path, "accuracy-webvision", "mopro", 0, {"top1": 70.0, "top5": 90.0}),
        write_job(tmp_path, "lowshot-voc07", "moco-v2", 0, {"k1": 46.0}) | {"tags": RELEASE},
    ]
    profile = {"name": "golden", "compares_with": "paper", "tolerance": 0.5, "data": DATA, "methods": METHODS}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    accuracy, lowshot = build_tables(read_results(tmp_path))
    (row,) = (row for row in accuracy.cells if row["Method"] == "MoCo v2, release")
    assert (row["Pretraining set"], row["Figure"], row["Ours"]) == ("ImageNet", "all", "not applicable")
    row = next(row for row in lowshot.cells if row["Method"] == "MoCo v2, release")
    assert (row["Figure"], row["Paper"], row["Source"]) == ("VOC07 k=1", "46.3", "secondary")


RELEASE = {"method": "moco-v2", "set": "imagenet", "seed": "0", "evaluation": "lowshot-voc07"}


def test_a_table_can_have_a_tolerance_of_its_own(tmp_path):
    jobs = [write_job(tmp_path, "finetune-1pct", "mopro", 0, {"top1": 70.5, "top5": 90.0})]
    tolerance = load_profile("mini", ["tolerance={accuracy: 1, lowshot: 1, finetune: 0.7, coco: 0.3, robustness: 1}"])
    for value, expected in (
        (0.7, "within tolerance (one seed)"),
        (0.6, "outside (one seed)"),
        (tolerance.model_dump(mode="json")["tolerance"], "within tolerance (one seed)"),
    ):
        profile = {"name": "golden", "compares_with": "paper", "tolerance": value, "data": DATA, "methods": METHODS}
        (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
        assert build_tables(read_results(tmp_path))[0].cells[0]["Verdict"] == expected


def test_a_table_that_the_paper_has_not_needs_no_tolerance(tmp_path):
    runs = write_runs(tmp_path, "paper")
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["profile"]["tolerance"] = {"accuracy": 0.5, "lowshot": 1}
    plan["jobs"].append(write_job(runs, "cleaning", "mopro", 0, {"kept": 90.0}))
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    write_tables(read_results(runs), runs)
    found = {figure.table.name: figure.outcome for figure in figures(read_results(runs))}
    assert found["cleaning"] is None and found["accuracy"]


def test_many_methods_take_no_longer_each_than_few(tmp_path):
    """Figures of all methods were once searched for those of each."""

    def of_methods(count: int) -> Callable[[], object]:
        runs = tmp_path / str(count)
        names = [f"mopro-{number}" for number in range(count)]
        figures = {"top1": 73.0, "top5": 90.0}
        jobs = [
            write_job(runs, f"accuracy-{on}", name, 0, figures) for name in names for on in ("webvision", "imagenet")
        ]
        methods = {name: {"objective": "mopro"} for name in names}
        profile = {"name": "many", "compares_with": "paper", "tolerance": 0.5, "data": DATA, "methods": methods}
        (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
        results = read_results(runs)
        build_tables(results)  # what is computed once
        return lambda: build_tables(results)

    assert last_doubling(of_methods, 10) < 2.1
