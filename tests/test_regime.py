"""The study of the miniature's regime, from records whose figures are known."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.regime import Study, main
from results.plan import PLAN_FILE, read_results
from tests.test_tables import write_job

CURVES = (
    {"1": 40.0, "2": 52.0, "3": 45.0},
    {"1": 50.0, "2": 47.0, "3": 46.0},
)  # the second world's own best is epoch 1
REPRODUCED = (80.0, 40.0)
TOP1 = {"ce": (45.0, 46.0), "ce-strong-view": (50.0, 48.0), "no-correction": (44.0, 41.0), "mopro": (55.0, 47.0)}


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
    profile = {"name": "regime", "compares_with": "claims", "tolerance": 1}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "jobs": jobs}))
    return tmp_path


def test_criteria(runs):
    reproduced, fall, before, fair, correction, labels = Study(read_results(runs)).verdicts()
    assert (reproduced["mean"], reproduced["worlds in which it does"]) == (60, "1 of 2")
    assert fall["criterion"] == "(a) CE's fall after epoch 2 (points)"  # of the mean curve 45, 49.5, 45.5
    assert (fall["mean"], fall["worlds in which it does"]) == (4, "2 of 2")
    assert (before["mean"], before["must exceed"]) == (41, 10)
    assert (fair["mean"], fair["worlds in which it does"]) == (2, "1 of 2")
    assert (correction["mean"], correction["spread"]) == (8.5, pytest.approx(2.5 * math.sqrt(2)))
    assert (labels["mean"], labels["worlds in which it does"]) == (2, "2 of 2")


def test_spread_between_worlds_and_what_sampling_adds(runs):
    row = next(
        row
        for row in Study(read_results(runs)).figures()
        if (row["figure"], row["method"]) == ("ImageNet top-1", "CE on the strong view")
    )
    assert row["mean"] == 49 and row["spread between worlds"] == pytest.approx(math.sqrt(2))
    assert row["sampling alone"] == pytest.approx(math.sqrt((50 * 50 / 5 + 48 * 52 / 5) / 2))  # five images a world
    assert row["MoPro's lead"] == 2 and row["its spread"] == pytest.approx(3 * math.sqrt(2))


def test_it_is_printed_and_what_is_missing_stays_empty(runs, tmp_path_factory, capsys):
    assert main([str(runs)]) == 0
    assert "(c) over MoPro without correction (points)" in capsys.readouterr().out
    few = tmp_path_factory.mktemp("few")
    job = write_job(few, "accuracy-imagenet", "ce", 0, {"top1": 50.0, "top5": 90.0})
    profile = {"name": "regime", "compares_with": "claims", "tolerance": 1}
    (few / PLAN_FILE).write_text(json.dumps({"profile": profile, "jobs": [job]}))
    assert main([str(few)]) == 0
    assert "0 of 0" in capsys.readouterr().out


def test_without_a_plan_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
