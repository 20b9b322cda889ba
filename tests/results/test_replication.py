"""Two sets of worlds side by side: means that differ, words that reverse and change, and how many would by chance."""

import math
import re
from dataclasses import replace

import pytest
from scipy.stats import ttest_ind

from core.errors import InputError
from results import replication as replication_module
from results.__main__ import main
from results.plan import read_results
from results.replication import replication
from results.statistics import Summary, p_of_equal_means, summarise
from tests.results.conftest import GAINS
from tests.support.claim_runs import fill


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """A thousand take seconds."""
    monkeypatch.setattr(replication_module, "DRAWS", 80)


def of(text: str, note: str) -> str:
    """What a note says."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"- {note}"))
    return line.partition(": ")[2]


def number(text: str) -> float:
    return float(re.match(r"[\d.]+", text)[0])


def test_the_p_value_against_scipy_on_the_measurements():
    one, other = [1.0, 2.0, 4.0, 8.0], [3.0, 3.5, 9.0]
    expected = ttest_ind(one, other, equal_var=False).pvalue
    assert math.isclose(p_of_equal_means(summarise(one), summarise(other)), expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Summary(1.0, None, 1), Summary(5.0, 1.0, 8), 1.0),
        (Summary(1.0, 0.0, 8), Summary(1.0, 0.0, 8), 1.0),
        (Summary(1.0, 0.0, 8), Summary(2.0, 0.0, 8), 0.0),
    ],
)
def test_the_p_value_without_a_spread(first, second, expected):
    assert p_of_equal_means(first, second) == expected


def test_other_worlds_of_one_source_say_the_same(eight, tmp_path, capsys):
    other = fill(tmp_path, 8, first=8, **GAINS)
    assert main(["replication", str(eight), str(other)]) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    cells = [cell.strip() for cell in rows[0].split("|")]
    assert len(rows) == 52 and cells[1] == "accuracy: MoPro − CE" and cells[-3:-1] == ["holds", "holds"]
    assert of(text, "Means that differ") == "none." == of(text, "Words that reverse")
    assert text == replication(read_results(eight), read_results(other)) + "\n"  # the same draws
    assert number(of(text, "Words that changed")) <= number(of(text, "Expected").partition(" to ")[2])


def test_worlds_of_another_source_are_told(eight, tmp_path):
    """MoPro lies 5 below CE instead of 9.1 above: every word against CE reverses, and every mean differs."""
    other = fill(tmp_path, 8, first=8, **GAINS | {"mopro": -5.0})
    text = replication(read_results(eight), read_results(other))
    assert of(text, "Means that differ").count(": MoPro − CE") == 52
    assert of(text, "Words that reverse").count(": MoPro − CE") == 6
    assert number(of(text, "Words that changed")) > number(of(text, "Expected"))


def test_what_was_not_run_has_no_difference(eight, tmp_path):
    other = read_results(fill(tmp_path, 8, first=8, **GAINS))
    records = {name: it for name, it in other.records.items() if "detection" not in name}
    text = replication(read_results(eight), replace(other, records=records))
    (row,) = (line for line in text.splitlines() if line.startswith("| detection: MoPro − CE  "))
    assert [cell.strip() for cell in row.split("|")[4:7]] == ["not run", "", ""] and row.endswith("not run         |")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"first": 7}, "World 7 is in both reproductions, expected worlds of their own"),
        ({"first": 8, "changes": ("pretrain.schedule.epochs=31",)}, "differ in what determines figures"),
    ],
)
def test_what_repeats_nothing(eight, tmp_path, change, sentence):
    other = fill(tmp_path, 8, **change, **GAINS)
    with pytest.raises(InputError, match=sentence):
        replication(read_results(eight), read_results(other))


def test_a_profile_without_claims_cannot_be_repeated(eight):
    results = read_results(eight)
    with pytest.raises(InputError, match="claims nothing, so that no other worlds can repeat it"):
        replication(replace(results, profile=results.profile | {"claims": None}), results)
