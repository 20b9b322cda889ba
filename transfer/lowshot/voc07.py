"""The low-shot stage on VOC07: one-vs-rest linear SVMs on images from trainval, mean average precision on test.

An image drawn for one class is a positive of every class it shows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.distributed import process_group
from core.workspace import Workspace
from data.sets.voc07.reader import read_classification
from metrics.draws import ranks
from metrics.measures import keep_and_measure
from pretrain.evaluation import names_of, pretrained_trunk
from pretrain.features import pooled_features
from transfer.lowshot.config import OneVsRestSVMConfig, VOC07Config
from transfer.lowshot.features import unit_rows
from transfer.lowshot.protocol import Classifiers, all_draws, over_draws, record_draws, shots_of


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Mean average precision in percent for each k (``k1``, ``k2``, ...): mean and spread over the draws."""
    config = VOC07Config.model_validate(settings)
    root = workspace.dataset(config.folder)
    trainval, test = (read_classification(root, split, config.classes) for split in ("trainval", "test"))
    draws = all_draws(rows_by_class(trainval.labels), config)
    with process_group() as device:
        record_draws(draws, workspace)
        model = pretrained_trunk(workspace, device)
        features = unit_rows(pooled_features(model, trainval, "trainval", config, workspace, device))
        test_features = unit_rows(pooled_features(model, test, "test", config, workspace, device))
        workspace.provenance["voc07"] = {"trainval": trainval.fingerprint(), "test": test.fingerprint()}

        def ranked(rows: np.ndarray, classifiers: Classifiers) -> np.ndarray:
            return ranks(decision_scores(features[rows], trainval.labels[rows], test_features, classifiers))

        svms = {"svm": config.svm.model_dump(), "of": [features, trainval.labels, test_features]}
        of_draws, convergence = over_draws(draws, lambda: one_vs_rest(config.svm), ranked, svms, workspace)
    columns = {
        "path": names_of(test),
        "present": test.labels == 1,
        "ranks": of_draws,
        "k": shots_of(draws),
    }
    figures = keep_and_measure(workspace, "test", "scores-of-draws", columns)
    return {name: figure | convergence[name] for name, figure in figures.items()}


def one_vs_rest(svm: OneVsRestSVMConfig) -> Classifiers:
    """Classifiers of one class against the others; of none yet."""
    return Classifiers(svm, {1: svm.positive_weight, -1: 1.0})


def rows_by_class(labels: np.ndarray) -> list[np.ndarray]:
    """For each class the rows of the images that show it, from ``[n, classes]`` with 1 where a class is present."""
    return [np.flatnonzero(present == 1) for present in labels.T]


def decision_scores(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, classifiers: Classifiers
) -> np.ndarray:
    """Fit one classifier for each class; its scores of the test images, ``[classes, n]``.

    Args:
        features: ``[m, d]`` of the drawn images.
        labels: ``[m, classes]`` with 1 where a class is present.
        test_features: ``[n, d]``.
        classifiers: fit them.
    """
    return np.stack(
        [
            classifiers.fit(features, np.where(present == 1, 1, -1)).decision_function(test_features)
            for present in labels.T
        ]
    )
