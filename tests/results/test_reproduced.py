"""Whether a figure of the paper is reproduced: the rules, and the statistics behind them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.published import Published
from results.reproduced import Compared, outcomes, seeds_to_decide
from results.statistics import Summary, holm, summarise
from tests.support import REPOSITORY

RULES = REPOSITORY / "docs/results.md"


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
