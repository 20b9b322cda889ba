"""Means over draws, and the intervals over images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outputs import decoded, encoded
from metrics.average_precision import average_precision, resampled_average_precision
from metrics.draws import class_figures, mean_average_precision, ranks, score_figures
from metrics.measures import MEASURES, intervals_over_images, resamples, wilson


def test_figures_are_mean_and_sample_deviation_over_draws():
    labels = np.zeros(10, int)
    predicted = np.array([np.arange(10) >= right for right in (1, 2, 3, 4, 5, 6)])  # so many are right
    figures = class_figures({"label": labels, "predicted": predicted, "k": np.array([1, 1, 1, 4, 4, 4])})
    assert figures == {
        "k1": {"value": pytest.approx(20), "unit": "%", "n": 3, "spread": pytest.approx(10)},
        "k4": {"value": pytest.approx(50), "unit": "%", "n": 3, "spread": pytest.approx(10)},
    }


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 6))
def test_ranks_give_the_figures_of_the_scores_to_the_last_digit(seed, n, values):
    """With few possible scores, so that many are equal."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(values)[rng.integers(0, values, (4, 3, n))] / 3
    present = rng.random((n, 3)) < 0.4
    present[rng.integers(0, n)] = True
    kept = {"present": present, "ranks": np.stack([ranks(of_draw) for of_draw in scores]), "k": np.array([1, 1, 2, 2])}
    precisions = [mean_average_precision(present, of_draw) for of_draw in scores]
    figures = score_figures(decoded(encoded(kept)))
    assert figures["k1"]["value"] == 100 * float(np.mean(precisions[:2]))
    assert figures["k2"]["spread"] == 100 * float(np.std(precisions[2:], ddof=1))


@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(1, 6))
def test_weights_stand_for_repeated_samples(seed, n, values):
    rng = np.random.default_rng(seed)
    scores, present, weights = rng.integers(0, values, n), rng.random(n) < 0.5, resamples(n, 5)
    present[rng.integers(0, n)] = True
    found = resampled_average_precision(present, scores, weights)
    for value, of_resample in zip(found, weights.T, strict=True):
        drawn = np.repeat(np.arange(n), of_resample)
        if present[drawn].any():
            assert value == pytest.approx(average_precision(present[drawn], scores[drawn]), abs=1e-12)
        else:
            assert np.isnan(value)


@given(st.integers(0, 2**32))
def test_every_measure_gives_of_each_image_once_its_figures(seed):
    rng = np.random.default_rng(seed)
    n, classes = 23, 7
    answers = {
        "path": np.arange(n).astype(bytes),
        "label": rng.integers(0, classes, n),
        "classes": np.stack([rng.permutation(classes)[:5] for _ in range(n)]),
        "confidence": rng.integers(1, 9, n) / 9,
        "bin_size": np.array(4),
    }
    draws = {"path": answers["path"], "k": np.array([1, 1, 2, 2])}
    scores = np.stack([ranks(rng.integers(0, 5, (3, n))) for _ in range(4)])
    present = np.arange(3) == rng.integers(0, 3, n)[:, None]
    present[:3] |= np.eye(3, dtype=bool)
    of_measures = {
        "top-k": answers,
        "calibration": answers,
        "scores-of-draws": draws | {"ranks": scores, "present": present},
        "classes-of-draws": draws | {"predicted": rng.integers(0, 4, (4, n)), "label": rng.integers(0, 4, n)},
    }
    for name, columns in of_measures.items():
        measure = MEASURES[name]
        once = measure.resampled(columns, np.ones((n, 1), np.int32))
        figures = measure.figures(columns)
        assert once.keys() == figures.keys()
        for of, values in once.items():
            assert values == pytest.approx([figures[of]["value"]])
        for of, interval in intervals_over_images(name, columns, figures).items():
            low, high = interval["interval"]
            assert 0 <= low <= figures[of]["value"] <= high <= 100


def test_the_interval_of_a_share_is_wilsons():
    assert wilson(0.5, 100) == pytest.approx((40.38, 59.62), abs=0.01)
    low, high = wilson(0, 100)
    assert (low, high) == pytest.approx((0, 3.70), abs=0.01)


def test_the_interval_of_a_figure_of_draws_covers_the_truth_as_often_as_it_says():
    """Of 200 sets of images from one source, which is known."""
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        hardness = rng.random(60)  # of each image, the same in every draw
        wrong = rng.random((3, 60)) < hardness
        columns = {"path": np.zeros(60, "S1"), "label": np.zeros(60, int), "predicted": wrong, "k": np.array([1, 1, 1])}
        figures = class_figures(columns)
        low, high = intervals_over_images("classes-of-draws", columns, figures)["k1"]["interval"]
        covered += low <= 50 <= high
    assert 180 <= covered <= 199
