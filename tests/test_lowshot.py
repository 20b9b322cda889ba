"""The low-shot protocol: draws, classifiers, measure."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from core.errors import InputError
from transfer.config import SVMConfig
from transfer.features import unit_rows
from transfer.lowshot import draw_shots, mean_average_precision

SVM = SVMConfig(cost=0.5, tolerance=1e-4, iterations=2000, positive_weight=2)


@pytest.fixture
def labels() -> np.ndarray:
    return (np.random.default_rng(0).random((60, 4)) < 0.4).astype(int)


def test_draws_hold_k_images_of_each_class_without_repetition(labels):
    rows = draw_shots(labels, 5, seed=1, draw=0).reshape(4, 5)
    for label, of_class in enumerate(rows):
        assert len(set(of_class)) == 5
        assert (labels[of_class, label] == 1).all()


def test_draws_depend_on_seed_k_and_number_alone(labels):
    first = draw_shots(labels, 3, seed=1, draw=0)
    np.random.default_rng().random()
    assert np.array_equal(first, draw_shots(labels, 3, seed=1, draw=0))
    assert not np.array_equal(first, draw_shots(labels, 3, seed=1, draw=1))
    assert not np.array_equal(first, draw_shots(labels, 3, seed=2, draw=0))


def test_too_few_images_of_a_class(labels):
    with pytest.raises(InputError, match=r"Class \d has \d+ trainval images, 60 are to be drawn"):
        draw_shots(labels, 60, seed=0, draw=0)


def test_separable_features_are_ranked_perfectly(labels):
    features = unit_rows(labels + 0.01)
    assert mean_average_precision(features, labels, features, labels, SVM) == pytest.approx(1)


def test_classifiers_have_the_protocols_constants(labels, monkeypatch):
    seen = []
    fit = LinearSVC.fit

    def spy(self, features, targets):
        seen.append((self.get_params(), sorted(set(targets))))
        return fit(self, features, targets)

    monkeypatch.setattr(LinearSVC, "fit", spy)
    features = np.random.default_rng(1).random((60, 8))
    mean_average_precision(features, labels, features, labels, SVM)
    assert len(seen) == 4
    for parameters, targets in seen:
        assert targets == [-1, 1]
        expected = {"C": 0.5, "loss": "squared_hinge", "penalty": "l2", "tol": 1e-4, "dual": True, "max_iter": 2000}
        assert expected.items() <= parameters.items()
        assert parameters["class_weight"] == {1: 2, -1: 1}


def test_unit_rows():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows[0] == pytest.approx([0.6, 0.8], abs=1e-5)
    assert rows[1].tolist() == [0, 0]
