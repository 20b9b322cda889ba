"""Average precision against figures measured on the authors' implementation, and against its definition."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.average_precision import average_precision
from tests.support import PARITY

MEASURED = json.loads((PARITY / "metrics.json").read_text())["ap"]


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: f"seed{case['seed']}")
def test_as_measured(case):
    rng = np.random.RandomState(case["seed"])
    present = rng.rand(case["n"]) < 0.2
    present[0] = True
    scores = rng.standard_normal(case["n"]) + present * (0.2 * case["seed"])
    assert average_precision(present, scores) == pytest.approx(case["ap"], abs=1e-12)


def by_definition(present, scores):
    """Integrate, over recall, the best precision at that recall or a higher one, at the threshold of every score."""
    thresholds = sorted(set(scores), reverse=True)
    precision = [present[scores >= threshold].mean() for threshold in thresholds]
    recall = [present[scores >= threshold].sum() / present.sum() for threshold in thresholds]
    area, before = 0.0, 0.0
    for number in range(len(thresholds)):
        area += (recall[number] - before) * max(precision[number:])
        before = recall[number]
    return area


@given(st.lists(st.tuples(st.booleans(), st.floats(-5, 5) | st.integers(0, 2)), min_size=1, max_size=40))
def test_equals_the_definition(samples):
    present = np.array([flag for flag, _ in samples])
    scores = np.array([score for _, score in samples], dtype=float)
    present[0] = True
    assert average_precision(present, scores) == pytest.approx(by_definition(present, scores))


def test_perfect_and_worst_ranking():
    present = np.array([True, True, False, False])
    assert average_precision(present, np.array([4.0, 3.0, 2.0, 1.0])) == 1
    assert average_precision(present, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(1 / 2)


def test_a_score_that_tells_nothing_gives_the_share_of_positives():
    assert average_precision(np.arange(10) < 3, np.zeros(10)) == pytest.approx(0.3)
