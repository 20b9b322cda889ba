"""The low-shot stage: linear SVMs on frozen features with few images of each class (VOC07 protocol).

For every k and every draw, k images of each class are drawn from trainval, independently for each class; on the union,
one-vs-rest LinearSVCs are fitted, for which an image drawn for one class is a positive of every class it shows. The
measure is the mean over classes of the average precision on test.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.svm import LinearSVC

from core.distributed import process_group
from core.errors import InputError
from core.seeds import generator
from core.workspace import Workspace
from data.voc import read_classification
from pretrain.evaluation import pretrained_classifier
from pretrain.features import pooled_features
from transfer.average_precision import average_precision
from transfer.config import LowShotConfig, SVMConfig
from transfer.features import unit_rows


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Mean average precision in percent for each k (``k1``, ``k2``, ...): mean and spread over the draws."""
    constants = LowShotConfig.model_validate(config)
    root = workspace.dataset(constants.folder)
    tables = {split: read_classification(root, split, constants.classes) for split in ("trainval", "test")}
    drawn = {
        (k, draw): draw_shots(tables["trainval"].labels, k, constants.seed, draw)
        for k in constants.shots
        for draw in range(constants.draws)
    }
    with process_group() as device:
        model = pretrained_classifier(workspace, constants, device)
        features = {
            split: unit_rows(pooled_features(model, images, split, constants, workspace, device))
            for split, images in tables.items()
        }
    precisions: dict[int, list[float]] = {k: [] for k in constants.shots}
    for done, ((k, _), rows) in enumerate(drawn.items(), start=1):
        precisions[k].append(
            mean_average_precision(
                features["trainval"][rows],
                tables["trainval"].labels[rows],
                features["test"],
                tables["test"].labels,
                constants.svm,
            )
        )
        workspace.progress(done, len(drawn), "draws")
    workspace.provenance["voc07"] = {split: images.fingerprint() for split, images in tables.items()}
    workspace.provenance["draws_sha256"] = hashlib.sha256(np.concatenate(list(drawn.values())).tobytes()).hexdigest()
    return {
        f"k{k}": {
            "value": 100 * float(np.mean(values)),
            "unit": "%",
            "n": len(values),
            "spread": 100 * float(np.std(values, ddof=1)),
        }
        for k, values in precisions.items()
    }


def draw_shots(labels: np.ndarray, k: int, seed: int, draw: int) -> np.ndarray:
    """Rows of k images of each class, ``[classes * k]``; a function of the labels, the seed, k and the draw alone.

    Args:
        labels: ``[n, classes]`` with 1 where a class is present.
        k: images of each class.
        seed: of the evaluation.
        draw: which of the repeated draws.

    Raises:
        InputError: a class has fewer than k images.
    """
    rng = generator(seed, "shots", k, draw)
    rows = []
    for label, present in enumerate(labels.T):
        candidates = np.flatnonzero(present == 1)
        if len(candidates) < k:
            raise InputError(f"Class {label} has {len(candidates)} trainval images, {k} are to be drawn: lower k.")
        rows.append(rng.choice(candidates, k, replace=False))
    return np.concatenate(rows)


def mean_average_precision(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray, svm: SVMConfig
) -> float:
    """Fit one classifier for each class, score the test images; the mean over classes of the average precision.

    Args:
        features: ``[m, d]`` of the drawn images.
        labels: ``[m, classes]`` with 1 where a class is present.
        test_features: ``[n, d]``.
        test_labels: ``[n, classes]``.
        svm: constants of the classifiers.

    Returns:
        A fraction in [0, 1].
    """
    precisions = []
    for present, present_in_test in zip(labels.T, test_labels.T, strict=True):
        classifier = _svm(svm).fit(features, np.where(present == 1, 1, -1))
        precisions.append(average_precision(present_in_test == 1, classifier.decision_function(test_features)))
    return float(np.mean(precisions))


def _svm(constants: SVMConfig) -> LinearSVC:
    return LinearSVC(
        penalty="l2",
        loss="squared_hinge",
        dual=True,
        C=constants.cost,
        tol=constants.tolerance,
        max_iter=constants.iterations,
        class_weight={1: constants.positive_weight, -1: 1.0},
        random_state=0,
    )
