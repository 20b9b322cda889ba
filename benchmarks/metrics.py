"""Average precision and calibration error at the size of their data sets, against loops over samples."""

import numpy as np

from benchmarks.measuring import Comparison, compare
from core.seeds import generator
from metrics.average_precision import average_precision
from metrics.calibration import calibration_error, equal_mass_bins

VOC_IMAGES, VOC_CLASSES = 4952, 20
IMAGENET_R_IMAGES, BIN = 30_000, 100
ROUNDS = 15


def measure_average_precision() -> Comparison:
    """Over the classes of VOC07's test images; both must agree.

    Raises:
        AssertionError: they do not.
    """
    rng = generator(0, "average-precision")
    present = rng.random((VOC_CLASSES, VOC_IMAGES)) < 0.08
    scores = rng.standard_normal(present.shape) + present

    def ours() -> list[float]:
        return [average_precision(*of_class) for of_class in zip(present, scores, strict=True)]

    def reference() -> list[float]:
        return [_average_precision_by_loop(*of_class) for of_class in zip(present, scores, strict=True)]

    np.testing.assert_allclose(ours(), reference())
    what = f"average precision, {VOC_CLASSES} classes, {VOC_IMAGES} images"
    return compare(what, "a loop over ranked images", reference, ours, rounds=ROUNDS, goal=20)


def measure_calibration() -> Comparison:
    """Over ImageNet-R; both must agree.

    Raises:
        AssertionError: they do not.
    """
    rng = generator(0, "calibration")
    confidence = rng.random(IMAGENET_R_IMAGES)
    correct = rng.random(IMAGENET_R_IMAGES) < confidence**1.5

    def ours() -> float:
        return calibration_error(equal_mass_bins(confidence, correct, BIN))

    def reference() -> float:
        return _calibration_error_by_loop(confidence, correct)

    np.testing.assert_allclose(ours(), reference())
    what = f"calibration error, {IMAGENET_R_IMAGES} images"
    return compare(what, "a loop over ranked images", reference, ours, rounds=ROUNDS, goal=20)


def _average_precision_by_loop(present: np.ndarray, scores: np.ndarray) -> float:
    """Precision and recall at every rank, then the envelope from the last rank to the first, then the area."""
    ranked = np.stack([present.astype(np.float32), scores], axis=1)[np.argsort(scores)[::-1]]
    hits, counted = 0, []
    for row in ranked:
        if row[0] == 1:
            hits += 1
        counted.append(hits)
    precision, recall = [0.0], [0.0]
    for rank in range(len(ranked)):
        precision.append(counted[rank] / (rank + 1))
        recall.append(counted[rank] / hits)
    envelope = np.array(precision)
    for rank in range(len(envelope) - 2, -1, -1):
        envelope[rank] = max(envelope[rank], envelope[rank + 1])
    area = 0.0
    for rank in range(1, len(recall)):
        if recall[rank] != recall[rank - 1]:
            area += (recall[rank] - recall[rank - 1]) * envelope[rank]
    return area


def _calibration_error_by_loop(confidence: np.ndarray, correct: np.ndarray) -> float:
    squares = confidence_sum = 0.0
    hits = 0
    for rank, index in enumerate(np.argsort(confidence), start=1):
        confidence_sum += confidence[index]
        hits += correct[index]
        if rank % BIN == 0:
            squares += ((confidence_sum - hits) / BIN) ** 2 * BIN
            confidence_sum, hits = 0.0, 0
    return (squares / len(confidence)) ** 0.5
