"""Calibration error against figures measured with the data sets' authors' script, and against plain loops."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calibration import calibration_error, calibration_error_without_last_bin, equal_mass_bins
from tests.support import PARITY

MEASURED = json.loads((PARITY / "metrics.json").read_text())["calibration"]
SAMPLES = st.integers(1, 700).flatmap(
    lambda n: st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((2, n)))
)


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: f"seed{case['seed']}")
def test_as_measured(case):
    rng = np.random.RandomState(case["seed"])
    confidence = 0.2 + 0.8 * rng.rand(case["n"])
    correct = rng.rand(case["n"]) < confidence ** (1 + 0.2 * (case["seed"] - 100))
    bins = equal_mass_bins(confidence, correct, 100)
    assert calibration_error_without_last_bin(bins) == pytest.approx(case["rms_official"], abs=1e-9)


def by_loop(confidence: np.ndarray, correct: np.ndarray, size: int, last_bin: bool) -> float:
    ranked = sorted(zip(confidence, correct, strict=True))
    starts = [number * size for number in range(max(1, len(ranked) // size))]
    ends = [*starts[1:], len(ranked)]
    total = 0.0
    for start, end in list(zip(starts, ends, strict=True))[: None if last_bin else -1]:
        gap = sum(float(c) - float(r) for c, r in ranked[start:end]) / (end - start)
        total += (end - start) * gap**2
    return (total / len(ranked)) ** 0.5


@given(SAMPLES)
def test_equals_a_plain_loop(samples):
    confidence, correct = samples[0], samples[1] < 0.6
    bins = equal_mass_bins(confidence, correct, 100)
    assert calibration_error(bins) == pytest.approx(by_loop(confidence, correct, 100, True), abs=1e-12)
    expected = by_loop(confidence, correct, 100, False) if len(confidence) >= 200 else None
    assert calibration_error_without_last_bin(bins) == (expected and pytest.approx(expected, abs=1e-12))


@given(SAMPLES, st.integers(0, 9))
def test_the_order_of_samples_does_not_count(samples, seed):
    confidence, correct = np.round(samples[0], 1), samples[1] < 0.5  # many are equal
    order = np.random.default_rng(seed).permutation(len(confidence))
    before, after = equal_mass_bins(confidence, correct, 100), equal_mass_bins(confidence[order], correct[order], 100)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@given(SAMPLES)
def test_every_sample_is_in_one_bin(samples):
    confidence, correct = samples[0], samples[1] < 0.3
    bins = equal_mass_bins(confidence, correct, 100)
    assert bins.samples.sum() == len(confidence)
    assert (bins.samples[:-1] == 100).all()
    assert bins.samples[-1] == len(confidence) or 100 <= bins.samples[-1] < 200
    assert bins.samples @ bins.accuracy == pytest.approx(correct.sum())
    assert bins.samples @ bins.confidence == pytest.approx(confidence.sum())
    assert (np.diff(bins.confidence) >= 0).all()


def test_perfect_calibration_is_near_0():
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    bins = equal_mass_bins(confidence, rng.random(200_000) < confidence, 10_000)
    assert calibration_error(bins) < 0.01
    assert calibration_error_without_last_bin(bins) < 0.01


def test_overconfidence_is_its_gap():
    bins = equal_mass_bins(np.full(1000, 0.9), np.arange(1000) < 300, 100)
    assert calibration_error(bins) == pytest.approx(0.6)
    assert calibration_error_without_last_bin(bins) == pytest.approx(0.6 * 0.9**0.5)  # nine of ten bins


@pytest.mark.parametrize("n", [1, 99, 100, 199])
def test_too_few_samples_for_two_bins(n):
    bins = equal_mass_bins(np.linspace(0.5, 1, n), np.ones(n, dtype=bool), 100)
    assert bins.samples.tolist() == [n]
    assert calibration_error(bins) == pytest.approx(1 - bins.confidence[0])
    assert calibration_error_without_last_bin(bins) is None
