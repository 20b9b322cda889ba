"""How time and memory grow is measured from end to end, at sizes at which it takes seconds."""

import gc
import math
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.growth import SUBJECTS, Cost, least, main, short, slope


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([5.0, 15.0, 25.0, 45.0], 1.0),  # whatever the start
        ([5.0, 6.0, 9.0, 21.0], 2.0),
        ([5.0, 5.0, 5.0, 5.0], math.nan),
        ([5.0, 9.0], math.nan),
    ],
)
def test_the_slope_of_the_last_doubling(costs, expected):
    assert slope([0, 1, 2, 4][: len(costs)], costs) == pytest.approx(expected, nan_ok=True)


def test_the_least_of_all_rounds_counts():
    assert least([Cost(2.0, 10), Cost(1.0, 30), Cost(3.0, 20)]) == Cost(1.0, 10)


def test_sizes_are_short():
    assert [short(size) for size in (9_943, 500_000, 16_000_000)] == ["9,943", "500,000", "16 M"]


def test_growth_is_measured_and_drawn(tmp_path, capsys):
    picture = tmp_path / "growth.svg"
    assert main(["--only", "planning", "--steps", "2", "--rounds", "1", "--picture", str(picture)]) == 0
    printed, drawn = capsys.readouterr().out, "".join(ElementTree.parse(picture).getroot().itertext())
    for title in ("planning many seeds", "planning many methods"):
        assert f"| {title} " in printed
        assert title in drawn
    assert "| 145 jobs " in printed and "MiB" in drawn


@pytest.fixture
def as_in_a_process_of_its_own(monkeypatch, tmp_path_factory):
    """Whatever a command changes in its process is changed back."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield
    gc.enable()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.title)
def test_everything_that_is_measured_can_be_done(subject, tmp_path, as_in_a_process_of_its_own):
    assert subject.write(tmp_path, 1) >= 1
    subject.run(tmp_path)
