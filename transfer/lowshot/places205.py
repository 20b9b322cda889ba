"""The low-shot stage on Places205: one multi-class linear SVM on images from train, accuracy on val.

The lists of the data set are read whole; of the training images, those that are drawn, each once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.distributed import process_group
from core.outputs import smallest
from core.workspace import Workspace
from data.sets.places205.reader import read_split
from metrics.measures import keep_and_measure
from pretrain.evaluation import names_of, pretrained_trunk
from pretrain.features import pooled_features
from transfer.lowshot.config import LowShotConfig
from transfer.lowshot.features import unit_rows
from transfer.lowshot.protocol import Classifiers, all_draws, over_draws, record_draws, shots_of


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

        def named(rows: np.ndarray, classifiers: Classifiers) -> np.ndarray:
            of_rows = features[np.searchsorted(drawn, rows)]
            return smallest(classifiers.fit(of_rows, train.labels[rows]).predict(val_features))

        svms = {"svm": config.svm.model_dump(), "of": [features, drawn, train.labels[drawn], val_features]}
        of_draws, convergence = over_draws(draws, lambda: Classifiers(config.svm), named, svms, workspace)
    columns = {
        "path": names_of(val),
        "label": smallest(val.labels),
        "predicted": of_draws,
        "k": shots_of(draws),
    }
    figures = keep_and_measure(workspace, "val", "classes-of-draws", columns)
    return {name: figure | convergence[name] for name, figure in figures.items()}


def rows_by_class(labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """For each class its rows in ascending order, from ``[n]`` class indices; takes the memory of a few ``[n]``."""
    grouped = np.argsort(labels, kind="stable")
    return np.split(grouped, np.cumsum(np.bincount(labels, minlength=classes))[:-1])
