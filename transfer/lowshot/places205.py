"""The low-shot stage on Places205: one multi-class linear SVM on images from train, accuracy on val.

The lists of the data set are read whole; of the training images, those that are drawn, each once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.distributed import process_group
from core.workspace import Workspace
from data.sets.places205.reader import read_split
from pretrain.evaluation import pretrained_trunk
from pretrain.features import pooled_features
from transfer.lowshot.config import LowShotConfig
from transfer.lowshot.features import unit_rows
from transfer.lowshot.protocol import Classifiers, all_draws, measure_draws, record_draws


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Accuracy in percent for each k (``k1``, ``k2``, ...): mean and spread over the draws."""
    config = LowShotConfig.model_validate(settings)
    root = workspace.dataset(config.folder)
    train, val = (read_split(root, split, config.classes) for split in ("train", "val"))
    draws = all_draws(rows_by_class(train.labels, config.classes), config)
    drawn = np.unique(np.concatenate(list(draws.values())))  # sorted: row drawn[i] of train has features[i]
    with process_group() as device:
        record_draws(draws, workspace)
        model = pretrained_trunk(workspace, device)
        features = unit_rows(pooled_features(model, train.subset(drawn), "drawn", config, workspace, device))
        val_features = unit_rows(pooled_features(model, val, "val", config, workspace, device))
    workspace.provenance["places205"] = {"train": train.fingerprint(), "val": val.fingerprint()}

    def score(rows: np.ndarray, classifiers: Classifiers) -> float:
        of_rows = features[np.searchsorted(drawn, rows)]
        return accuracy(of_rows, train.labels[rows], val_features, val.labels, classifiers)

    return measure_draws(draws, lambda: Classifiers(config.svm), score, workspace)


def rows_by_class(labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """For each class its rows in ascending order, from ``[n]`` class indices; takes the memory of a few ``[n]``."""
    grouped = np.argsort(labels, kind="stable")
    return np.split(grouped, np.cumsum(np.bincount(labels, minlength=classes))[:-1])


def accuracy(
    features: np.ndarray, labels: np.ndarray, val_features: np.ndarray, val_labels: np.ndarray, classifiers: Classifiers
) -> float:
    """Fit one classifier over all classes; the share of the validation images whose class it names.

    Args:
        features: ``[m, d]`` of the drawn images.
        labels: ``[m]``.
        val_features: ``[n, d]``.
        val_labels: ``[n]``.
        classifiers: fit it.

    Returns:
        A fraction in [0, 1].
    """
    right = classifiers.fit(features, labels).predict(val_features) == val_labels
    return int(right.sum()) / len(right)
