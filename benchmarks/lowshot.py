"""The low-shot protocol: features extracted once against once for every draw; draws side by side against in turn."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import Comparison, compare
from core.workspace import Workspace
from data.config import EvaluationView
from data.miniature import build
from data.sets.voc07.reader import read_classification
from metrics.draws import mean_average_precision
from pretrain.backbone import Classifier
from pretrain.config import BackboneConfig, EvaluationConfig
from pretrain.features import pooled_features
from transfer.lowshot.config import OneVsRestSVMConfig, SVMConfig
from transfer.lowshot.features import unit_rows
from transfer.lowshot.protocol import Classifiers, draw_shots, over_draws
from transfer.lowshot.voc07 import decision_scores, one_vs_rest, rows_by_class

SHOTS, DRAWS, IMAGES = (1, 2, 4, 8, 16), 5, 300
BACKBONE = BackboneConfig(depth=18, width=32, stem="small")
SVM = OneVsRestSVMConfig(cost=0.5, tolerance=1e-4, iterations=2000, positive_weight=2)
WORLD = {
    "seed": 0,
    "image_size": 40,
    "webvision": {"images": 20, "label_noise": 0.4, "out_of_distribution": 0.2, "validation_images": 20},
    "imagenet": {"images": 20, "validation_images": 20},
    "voc07": {"trainval_images": IMAGES, "test_images": IMAGES, "difficult": 0.1},
    "places205": {"images": 12, "validation_images": 12},
    "imagenet_r": {"images": 1},
    "imagenet_pool": {"images": 1},
    "coco": {"canvas": 128, "images": 1, "validation_images": 1},
}

PLACES205_SVM = SVMConfig(cost=0.5, tolerance=1e-4, iterations=2000)
CLASSES, FEATURES, PROCESSES = 32, 2048, 2  # of Places205's 205 classes, so that it takes two minutes


def measure() -> Comparison:
    """The whole protocol both ways; both must give the same figures before they are timed.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    model = Classifier(BACKBONE, classes=10).eval()
    config = EvaluationConfig(view=EvaluationView(resize=64, crop=64), batch_size=100, workers=0)
    with tempfile.TemporaryDirectory() as folder:
        build.run(WORLD, Workspace(Path(folder)))
        tables = {split: read_classification(Path(folder) / "VOCdevkit", split, 20) for split in ("trainval", "test")}

        def features(split: str) -> np.ndarray:
            with tempfile.TemporaryDirectory() as own:
                workspace = Workspace(Path(own), reports_progress=False)
                return unit_rows(pooled_features(model, tables[split], split, config, workspace, torch.device("cpu")))

        def figures(once: bool) -> list[float]:
            cached = {split: features(split) for split in tables} if once else {}
            precisions = []
            for k in SHOTS:
                for draw in range(DRAWS):
                    current = cached or {split: features(split) for split in tables}
                    rows = draw_shots(rows_by_class(tables["trainval"].labels), k, seed=0, draw=draw)
                    labels = tables["trainval"].labels[rows]
                    scores = decision_scores(current["trainval"][rows], labels, current["test"], one_vs_rest(SVM))
                    precisions.append(mean_average_precision(tables["test"].labels == 1, scores))
            return precisions

        assert figures(once=True) == figures(once=False)
        what = f"low-shot VOC07, {len(SHOTS)} k x {DRAWS} draws, {2 * IMAGES} images of 80 x 80"
        return compare(
            what,
            "features anew for every draw",
            lambda: figures(once=False),
            lambda: figures(once=True),
            rounds=5,
            goal=10,
        )


def measure_side_by_side() -> Comparison:
    """All draws of a part of Places205 by two processes and by one; both must give the same to the bit.

    Raises:
        AssertionError: they do not.
    """
    rng = np.random.default_rng(0)
    centres = rng.gamma(1, size=(CLASSES, FEATURES))

    def features(labels: np.ndarray) -> np.ndarray:
        """Positive, and hard to tell apart, as a ResNet-50's are."""
        return unit_rows((centres[labels] + 2 * rng.gamma(1, size=(len(labels), FEATURES))).astype(np.float32))

    labels, val_labels = np.repeat(np.arange(CLASSES), 4 * max(SHOTS)), np.repeat(np.arange(CLASSES), 100)
    train, val = features(labels), features(val_labels)
    candidates = np.split(np.arange(len(labels)), CLASSES)
    draws = {(k, draw): draw_shots(candidates, k, seed=0, draw=draw) for k in SHOTS for draw in range(DRAWS)}

    def named(rows: np.ndarray, classifiers: Classifiers) -> np.ndarray:
        return classifiers.fit(train[rows], labels[rows]).decision_function(val)

    def scores(processes: int) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder), reports_progress=False, cpus=processes)
            return over_draws(draws, lambda: Classifiers(PLACES205_SVM), named, {}, workspace)[0]

    assert np.array_equal(scores(1), scores(PROCESSES))
    return compare(
        f"low-shot SVMs, {len(SHOTS)} k x {DRAWS} draws, {CLASSES} classes, on {PROCESSES} cores",
        "one draw after the other",
        lambda: scores(1),
        lambda: scores(PROCESSES),
        rounds=5,
        goal=1.8,
    )
