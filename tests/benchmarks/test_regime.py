"""The study of the miniature's regime, from records whose figures are known."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.regime import Part, Study, falls, main, sampling_of_a_difference
from core.errors import InputError
from execution.frozen import REPOSITORY
from results.plan import PLAN_FILE, read_results
from results.schema import Metric
from tests.support.declared import PLANNED
from tests.support.result_runs import write_job

CURVES = (
    {"1": 40.0, "2": 52.0, "3": 45.0},
    {"1": 50.0, "2": 47.0, "3": 46.0},
)  # the second world's own best is epoch 1
REPRODUCED = (80.0, 40.0)
TOP1 = {"ce": (45.0, 46.0), "ce-strong-view": (50.0, 48.0), "no-correction": (44.0, 41.0), "mopro": (55.0, 47.0)}
CLAIMED = ["accuracy-imagenet/top1", "accuracy-imagenet/top5"]


@pytest.fixture
def runs(tmp_path) -> Path:
    """Two worlds of four methods. In the second, CE memorises less, and its strong view is above MoPro."""
    jobs = []
    for world, curve in enumerate(CURVES):
        for method, top1 in TOP1.items():
            metrics = {"top1": top1[world], "top5": 90.0}
            jobs.append(write_job(tmp_path, "accuracy-imagenet", method, world, metrics))
        said = {"wrong_reproduced": REPRODUCED[world]}
        watched = {"provenance": {"clean_accuracies": curve}}
        jobs.append(write_job(tmp_path, "memorisation", "ce", world, said, **watched))
        corrects = said | {"clean_top1_before_correction": 41.0}
        jobs.append(write_job(tmp_path, "memorisation", "mopro", world, corrects, **watched))
        cleaned = {"noise_corrected": 60.0, "clean_kept": 80.0}  # of five images each: 3 corrected, 1 spoiled
        jobs.append(write_job(tmp_path, "cleaning", "mopro", world, cleaned))
    return written(tmp_path, jobs)


def written(runs: Path, jobs: list[dict]) -> Path:
    methods = {"ce-strong-view": {"title": "CE on the strong view"}}
    claims = {"better": "mopro", "baselines": ["ce"], "margin": 1, "primary": {"accuracy": CLAIMED}}
    profile = {"name": "regime", "compares_with": "claims", "tolerance": 1, "methods": methods, "claims": claims}
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs


def test_criteria(runs):
    study = Study(read_results(runs), runs)
    reproduced, fall, before, fair, correction, labels = (part.row() for part in study.parts())
    assert (reproduced["mean"], reproduced["worlds where it is"], reproduced["met"]) == (60, 1, "yes")
    assert (fall["mean"], fall["met"]) == ((40 - 45 + 47 - 46) / 2, "no")
    assert (before["mean"], before["asked"], before["met"]) == (41, "mean at least 30", "yes")
    assert (fair["mean"], fair["worlds where it is"], fair["met"]) == (2, 1, "no")
    assert (correction["mean"], correction["spread"]) == (8.5, pytest.approx(2.5 * math.sqrt(2)))
    assert (labels["mean"], labels["worlds where it is"], labels["met"]) == (2, 2, "yes")
    assert [row["met"] for row in study.verdicts()] == ["no", "yes", "no", "yes"]


@pytest.mark.parametrize(
    ("values", "least", "met"),
    [
        ([4.0, 5.0, 4.5], None, True),
        ([4.0, -3.0, 4.5], None, False),
        ([4.0], None, None),
        ([], None, None),
        ([20.0, 40.0], 30, True),
        ([29.9], 30, False),
        ([], 30, None),
    ],
)
def test_when_a_part_of_a_criterion_is_met(values, least, met):
    assert Part("(a)", "", values, least).met is met


def test_the_epoch_from_which_accuracy_falls_is_chosen_in_the_other_worlds():
    """The worlds' own best epochs are 2, 1 and 3; those of the others' means 1, 3 and 2."""
    curves = [{1: 4.0, 2: 8.0, 3: 5.0}, {1: 9.0, 2: 6.0, 3: 3.0}, {1: 6.0, 2: 1.0, 3: 7.0}]
    assert falls(dict(enumerate(curves))) == {0: 4 - 5, 1: 3 - 3, 2: 1 - 7}
    assert falls({0: curves[0]}) == falls({}) == {}


def test_noise_alone_is_no_fall():
    """Of flat curves the epoch that is best in all worlds has a fall in nearly every study."""
    noise = random.Random(0)
    studies = 400
    means, found = [], 0
    for _ in range(studies):
        curves = {world: {epoch: noise.gauss() for epoch in range(1, 15)} for world in range(8)}
        part = Part("(a)", "", list(falls(curves).values()))
        means.append(part.summary.mean)
        found += part.met
    assert abs(sum(means) / studies) < 4 * 0.5 / math.sqrt(studies)
    assert found / studies < 0.12


def test_sampling_of_a_difference():
    def metric(value, n, spread=None):
        return Metric(value=value, unit="%", n=n, spread=spread)

    of_images, unknown = [(metric(50, 100), metric(80, 100)), (metric(50, 50), metric(80, 50))], [None, None]
    bound = pytest.approx(math.sqrt((41 + 82) / 2)), "images, at most"
    assert sampling_of_a_difference(of_images, "top1", unknown) == bound
    assert sampling_of_a_difference(of_images, "top1", [3.0, None]) == bound  # not measured in every world
    measured = pytest.approx(math.sqrt((9 + 16) / 2)), "images"
    assert sampling_of_a_difference(of_images, "top1", [3.0, 4.0]) == measured
    assert sampling_of_a_difference(of_images, "box_ap", [3.0, 4.0]) == measured
    assert sampling_of_a_difference(of_images, "box_ap", unknown) == (None, "not known")
    of_draws = [(metric(30, 4, 2.0), metric(20, 9, 6.0))]
    draws = pytest.approx(math.sqrt(1 + 4)), "draws alone, at most"
    assert sampling_of_a_difference(of_draws, "k4", [None]) == draws
    both = pytest.approx(math.sqrt(1 + 4 + 4)), "images and draws, at most"
    assert sampling_of_a_difference(of_draws, "k4", [2.0]) == both


def test_spread_between_worlds_and_what_sampling_adds(runs):
    study = Study(read_results(runs), runs)
    names = ("ImageNet top-1", "CE on the strong view")
    row = next(row for row in study.figures() if (row["figure"], row["method"]) == names)
    assert row["mean"] == 49 and row["spread between worlds"] == pytest.approx(math.sqrt(2))
    assert row["MoPro's lead"] == 2 and row["its spread"] == pytest.approx(3 * math.sqrt(2))
    row = next(row for row in study.sampling() if (row["MoPro's lead"], row["over"]) == names)
    added = (55 * 45 + 50 * 50 + 47 * 53 + 48 * 52) / 5 / 2  # five images a world
    assert row["spread"] == pytest.approx(3 * math.sqrt(2)) and row["sampling adds"] == pytest.approx(math.sqrt(added))
    assert row["of the variance"] == f"{added / 18:.0%}" and row["of the spread"] == f"{math.sqrt(added / 18):.0%}"


def test_what_sampling_adds_to_a_claim(runs):
    """Of the mean of two figures: half the root of the sum of both variances, beside the spread of the mean's lead."""
    row = next(
        row for row in Study(read_results(runs), runs).sampling_of_claims() if row["over"] == "CE on the strong view"
    )
    assert row["MoPro's lead"] == "accuracy" and row["worlds"] == 2
    top1, top5 = (55 * 45 + 50 * 50 + 47 * 53 + 48 * 52) / 5 / 2, 2 * 90 * 10 / 5
    assert row["sampling adds"] == pytest.approx(math.sqrt(top1 + top5) / 2)
    assert row["spread"] == pytest.approx(3 * math.sqrt(2) / 2)  # as top-5 differs in no world


def test_it_is_printed_and_what_is_missing_is_said(runs, tmp_path, capsys):
    assert main([str(runs)]) == 0
    printed = capsys.readouterr().out
    assert "(c) over MoPro without correction (points)" in printed
    assert printed.endswith("### Missing: jobs without a record that can be used\n\nNone.\n\n")
    few = tmp_path / "few"
    few.mkdir()
    jobs = [write_job(few, "accuracy-imagenet", "ce", 0, {"top1": 50.0, "top5": 90.0})]
    jobs += [write_job(few, "memorisation", "ce", seed, {}) for seed in range(2)]
    assert main([str(written(few, jobs))]) == 0
    printed = capsys.readouterr().out
    assert printed.count("cannot be told") == 4 + 6
    assert "| memorisation |         2 |    2 |" in printed


def test_several_training_sets_are_refused(tmp_path):
    jobs = [write_job(tmp_path, "cleaning", "mopro", seed, {"kept": 50.0}) for seed in range(2)]
    jobs[1]["tags"]["set"] = "webvision-v2"
    with pytest.raises(InputError, match=r"several training sets \(webvision-v1, webvision-v2\), expected one"):
        Study(read_results(written(tmp_path, jobs)), tmp_path)


def test_without_a_plan_one_sentence(tmp_path):
    line = [sys.executable, "-m", "benchmarks.regime", str(tmp_path)]
    run = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1) and run.stderr.startswith("error: ")
