"""Tables from records: figures, verdicts, claims; a golden table from a small set of records."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from profiles.load import load_profile
from profiles.schema import slug
from results.frame import read_frame
from results.plan import PLAN_FILE, read_results
from results.published import TABLE, Published, read_published
from results.records import write_record
from results.reproduced import Compared, outcomes, seeds_to_decide
from results.schema import Record
from results.statistics import Summary, holm, summarise
from results.tables import build_tables, figures
from results.writing import write_tables
from tests.support import REPOSITORY
from tests.support.declared import DATA, PLANNED, TABLES

GOLDEN = Path(__file__).parent / "golden"
METHODS = load_profile("released").model_dump(mode="json")["methods"]
RULES = REPOSITORY / "docs/results.md"
CLAIMS = {
    "better": "mopro",
    "baselines": ["ce"],
    "margin": 1,
    "primary": {
        "accuracy": ["accuracy-webvision/top1", "accuracy-imagenet/top1"],
        "low-shot": [f"lowshot-voc07/k{k}" for k in (1, 2, 4, 8, 16)],
    },
    "steps": ["ce", "mopro"],
}


def a_record(name: str, tags: dict[str, str], metrics: dict, spread: float | None = None, **changes) -> Record:
    """A record of a job whose identity is its name."""
    figures = {key: {"value": value, "unit": "%", "n": 5, "spread": spread} for key, value in metrics.items()}
    content = {
        "schema_version": 2,
        "name": name,
        "identity": name,
        "stage": "tests:none",
        "tags": tags,
        "seed": int(tags["seed"]),
        "config": {},
        "inputs": {},
        "metrics": figures,
        "data": {"val": {"images": 5, "classes": 2, "names_sha256": "ab"}},
        "provenance": {},
        "code": [{"commit": "0123456789abcdef", "differs": False}],
        "arithmetic": {},
        "environment": {},
        "hardware": {},
        "cost": {"seconds": 0, "gpu_hours": 0, "starts": []},
    }
    return Record.model_validate(content | changes)


def write_job(
    runs: Path, evaluation: str, method: str, seed: int, metrics: dict, spread: float | None = None, **changes
) -> dict:
    """A job's entry in the plan, and its record in the folder where there are metrics."""
    name = f"{evaluation}/{method}/webvision-v1/seed{seed}"
    tags = {"method": method, "set": "webvision-v1", "seed": str(seed), "evaluation": evaluation}
    if metrics:
        write_record(a_record(name, tags, metrics, spread, **changes), runs / name)
    return {"name": name, "identity": name, "folder": name, "tags": tags}


def write_runs(runs: Path, compares_with: str) -> Path:
    """Three seeds of both methods; MoPro's low-shot evaluation has one seed, CE's none."""
    jobs = []
    for seed in range(3):
        for method, top1 in (("ce", 66.0 + seed), ("mopro", 73.0 + 1.1 * seed)):
            metrics = {"top1": top1, "top5": 90.0}
            jobs.append(write_job(runs, "accuracy-webvision", method, seed, metrics))
            jobs.append(write_job(runs, "accuracy-imagenet", method, seed, {"top1": top1 - 6, "top5": 80.0 - seed}))
    lowshot = {f"k{k}": 50.0 + k for k in (1, 2, 4, 8, 16)}
    jobs.append(write_job(runs, "lowshot-voc07", "mopro", 0, lowshot, spread=2.5))
    jobs.append(write_job(runs, "lowshot-voc07", "ce", 0, {}))
    profile = {"name": "golden", "compares_with": compares_with, "tolerance": 0.5, "data": DATA, "methods": METHODS}
    if compares_with == "claims":
        profile["claims"] = CLAIMS
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs


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


@pytest.mark.parametrize(
    ("paper", "ours", "expected"),
    [
        ((73.9,), [73.6], "within tolerance (one seed)"),
        ((73.9,), [73.3], "outside (one seed)"),
        ((73.9,), [67.0, 69.0], "undecided (about 3 seeds decide)"),  # the 95% interval is [55.3, 80.7]
        ((73.9,), [73.8, 73.9, 74.0], "reproduced"),  # the 90% interval is [73.7, 74.1]
        ((73.9,), [73.5, 73.9, 74.3], "undecided (about 4 seeds decide)"),  # [73.2, 74.6]
        ((73.9,), [70.0, 70.1, 70.2], "worse"),
        ((73.9,), [77.0, 77.1, 77.2], "better"),
        ((73.9,), [73.4, 73.4, 73.4], "reproduced"),  # on the edge
        ((73.9,), [], "not run"),
        ((), [73.9], "paper's figure unknown"),
        ((40.1, 40.7), [40.1], "paper's figure disputed"),
    ],
)
def test_verdicts(paper, ours, expected):
    compared = Compared(Published(paper, "verified"), summarise(ours) if ours else None, tolerance=0.5)
    assert [str(outcome) for outcome in outcomes([compared])] == [expected]


VALUES = st.lists(st.floats(-3, 3), min_size=2, max_size=6)


@given(VALUES, st.floats(1.01, 5), st.floats(0.01, 2))
def test_a_wider_interval_is_never_rewarded(values, factor, tolerance):
    """Neither with ``reproduced`` nor, for the paper's figure is the same, with a word for a difference."""
    ours = summarise(values)
    wider = replace(ours, deviation=ours.deviation * factor)
    words = [outcomes([Compared(Published((0.0,), "verified"), it, tolerance)])[0].word for it in (ours, wider)]
    assert words[1] in (words[0], "undecided")


@given(st.lists(VALUES, min_size=1, max_size=6), st.floats(0, 1))
def test_a_word_for_a_difference_is_never_lost_to_a_single_figure(several, tolerance):
    """Holm's correction within a table takes words away, never gives them."""
    compared = [Compared(Published((0.0,), "verified"), summarise(values), tolerance) for values in several]
    together = [outcome.word for outcome in outcomes(compared)]
    alone = [outcomes([one])[0].word for one in compared]
    assert all(word in (single, "undecided") for word, single in zip(together, alone, strict=True))


@pytest.mark.parametrize(("values", "tolerance"), [([0.1, 0.4, -0.2], 0.5), ([3.0, 5.0, 1.0], 0.5)])
def test_the_seeds_that_are_called_for_decide(values, tolerance):
    """With the same mean and deviation, so many seeds decide, and one fewer does not."""
    ours = summarise(values)
    needed = seeds_to_decide(ours, tolerance)
    words = {
        n: outcomes([Compared(Published((0.0,), "verified"), replace(ours, n=n), tolerance)])[0].word
        for n in (needed - 1, needed)
    }
    assert words[needed - 1] == "undecided" != words[needed]


def test_what_a_few_seeds_can_decide_is_what_the_documentation_says():
    table = re.findall(r"^\| (\d) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", RULES.read_text(), re.MULTILINE)
    assert [row[0] for row in table] == ["2", "3", "5", "8"]
    for seeds, *spreads, beyond in table:
        for tolerance, spread in zip((0.45, 0.5, 1.0), map(float, spreads), strict=True):
            for change, expected in ((-0.01, "reproduced"), (0.01, "undecided")):
                ours = Summary(0.0, spread + change, int(seeds))
                assert outcomes([Compared(Published((0.0,), "verified"), ours, tolerance)])[0].word == expected
        for change, expected in ((0.01, "better"), (-0.01, "undecided")):
            ours = Summary(1.0 + float(beyond) + change, 1.0, int(seeds))
            assert outcomes([Compared(Published((0.0,), "verified"), ours, 1.0)])[0].word == expected


def test_no_number_of_seeds_decides_on_the_edge():
    on_the_edge = replace(summarise([0.4, 0.6, 0.5]), mean=0.5)
    assert seeds_to_decide(on_the_edge, 0.5) is None
    assert seeds_to_decide(summarise([0.4]), 0.5) is None


def test_holm_against_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]  # 0.03 > 0.05 / 2
    assert holm([], 0.05) == []


def test_interval_against_a_worked_example():
    summary = summarise([1.0, 2.0, 3.0, 4.0, 5.0])
    assert summary.deviation == pytest.approx(1.5811, abs=1e-4)
    assert summary.interval() == pytest.approx((3 - 1.9632, 3 + 1.9632), abs=1e-4)  # t(0.975, 4) = 2.7764


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=9), st.floats(0, 20))
def test_the_p_value_says_what_the_interval_says(values, distance):
    summary = summarise(values)
    low, high = summary.interval()
    edge = min(abs(abs(low) - distance), abs(abs(high) - distance))
    if edge > 1e-6:
        assert (summary.p_beyond(distance) <= 0.05) == (low > distance or high < -distance)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9))
def test_interval_holds_the_mean(values):
    summary = summarise(values)
    low, high = summary.interval()
    assert low <= summary.mean <= high


def test_published_figures_are_those_of_the_source():
    figures = read_published(TABLES)
    assert figures["webvision", "MoPro (R50)", "WebVision-V1.0", "webvision_top1"] == Published((73.9,), "verified")
    assert figures["coco", "MoPro", "WebVision-V2.0", "APbb_1x"] == Published((40.1, 40.7), "conflict")
    assert figures["lowshot", "CE", "WebVision-V1.0", "VOC07_mAP_k2"].values == ()
    assert {figure.status for figure in figures.values()} == {"verified", "secondary", "conflict", "missing"}
    assert all(bool(figure.values) == (figure.status != "missing") for figure in figures.values())


def with_line(folder: Path, line: str) -> Path:
    """The published figures with one line more, as somebody who holds the paper might add it."""
    path = folder / "published.csv"
    path.write_text(TABLE.read_text() + line + "\n")
    return path


NEW = "lowshot,Mine,WebVision-V1.0,VOC07_mAP_k1"


def test_a_figure_that_is_filled_in(tmp_path):
    path = tmp_path / "published.csv"
    missing = "lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,,missing,"
    text = TABLE.read_text()
    assert missing in text
    path.write_text(
        text.replace(missing, 'lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,61.3,verified,"the paper, Table 2"', 1)
    )
    assert read_published(TABLES, path)["lowshot", "CE", "WebVision-V1.0", "VOC07_mAP_k2"] == Published(
        (61.3,), "verified"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{NEW},7l.3,verified,paper", "the value is '7l.3', expected a number between 0 and 100"),
        (f"{NEW},713,verified,paper", "the value is '713', expected"),
        (f"{NEW},-3,verified,paper", "the value is '-3', expected"),
        (f"{NEW},nan,verified,paper", "the value is 'nan', expected"),
        (f'{NEW},"71,3",verified,paper', "the value is '71,3', expected"),
        (f"{NEW},71.3,verified,", "it has a value without a source"),
        (f"{NEW},71.3,sure,paper", "the status is 'sure', expected one of verified, secondary, conflict, missing"),
        (f"{NEW},71.3,missing,paper", "it is missing and has the value '71.3'"),
        (f"{NEW},,verified,paper", "it is verified and has no value"),
        (f"{NEW},71.3,verified,paper, Table 2", "it has not 7 cells"),
        (f"{NEW},71.3,verified", "it has not 7 cells"),
        ("lowshot,Mine,WebVision-V1.0,VOC07_k1,71.3,verified,paper", "no table has the metric lowshot/VOC07_k1"),
        ("lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,71.3,verified,paper", "the same figure is on an earlier line"),
    ],
)
def test_a_wrong_cell_among_the_published_figures(tmp_path, line, said):
    lines = len(TABLE.read_text().splitlines()) + 1
    with pytest.raises(InputError, match=rf"published\.csv, line {lines}: {re.escape(said)}") as error:
        read_published(TABLES, with_line(tmp_path, line))
    assert "\n" not in error.value.sentence


def test_a_conflict_needs_two_values(tmp_path):
    with pytest.raises(InputError, match=r"lowshot/Mine/WebVision-V1\.0/VOC07_mAP_k1 is a conflict of one value"):
        read_published(TABLES, with_line(tmp_path, f"{NEW},71.3,conflict,paper"))
    both = f"{NEW},71.3,conflict,paper\n{NEW},71.4,conflict,elsewhere"
    found = read_published(TABLES, with_line(tmp_path, both))
    assert found["lowshot", "Mine", "WebVision-V1.0", "VOC07_mAP_k1"] == Published((71.3, 71.4), "conflict")


def test_published_figures_with_other_columns(tmp_path):
    (tmp_path / "published.csv").write_text("table,method\n")
    with pytest.raises(InputError, match="begins with other columns"):
        read_published(TABLES, tmp_path / "published.csv")


def test_figures_as_a_spreadsheet_writes_them(tmp_path):
    path = with_line(tmp_path, f"{NEW},71.3,verified,paper")
    whole, text = read_published(TABLES, path), path.read_text()
    path.write_text(text, "utf-8-sig")
    assert read_published(TABLES, path) == whole
    path.write_text(text.replace("verified,paper", "verified,Müller"), "latin-1", "ignore")
    with pytest.raises(InputError, match=r"published\.csv is not encoded in UTF-8: save it as CSV in UTF-8"):
        read_published(TABLES, path)


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


def test_every_name_that_is_compared_with_is_published():
    published = {(table, method) for table, method, _, _ in read_published(TABLES)}
    named = {(table, name) for it in METHODS.values() for table, names in it["published"].items() for name in names}
    assert named and named <= published


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


def test_published_figures_are_those_of_the_reference_table():
    """Where this repository lies beside the table that the figures were copied from."""
    reference = REPOSITORY.parent / "shared/reference/published_numbers.csv"
    if not reference.exists():
        pytest.skip("the reference table ../shared/reference/published_numbers.csv is not here")
    with reference.open(newline="") as theirs, TABLE.open(newline="") as ours:
        assert list(csv.DictReader(ours)) == list(csv.DictReader(theirs))


def test_a_table_that_the_paper_has_not_needs_no_tolerance(tmp_path):
    runs = write_runs(tmp_path, "paper")
    plan = json.loads((runs / PLAN_FILE).read_text())
    plan["profile"]["tolerance"] = {"accuracy": 0.5, "lowshot": 1}
    plan["jobs"].append(write_job(runs, "cleaning", "mopro", 0, {"kept": 90.0}))
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    write_tables(read_results(runs), runs)
    found = {figure.table.name: figure.outcome for figure in figures(read_results(runs))}
    assert found["cleaning"] is None and found["accuracy"]
