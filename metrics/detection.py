"""COCO's average precision of boxes and masks; faster-coco-eval and pycocotools are imported when needed."""

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from core.outputs import Columns
from metrics.figure import Figures

Detection = dict[str, Any]  # as in COCO's files of results
KINDS = {"box": "bbox", "mask": "segm"}
FIGURES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")  # the first six of COCO's twelve
RESAMPLED = {"ap": slice(None), "ap50": slice(0, 1), "ap75": slice(5, 6)}  # of COCO's ten overlaps
PACKAGES = ("faster_coco_eval", "pycocotools")


def columns(annotations: bytes, detections: Sequence[Detection]) -> dict[str, np.ndarray]:
    """The columns of an output: ``path`` of every image, and as bytes of JSON the annotations and the detections.

    Args:
        annotations: the content of COCO's file.
        detections: in COCO's format of results.
    """
    images = sorted(json.loads(annotations)["images"], key=lambda image: image["id"])
    return {
        "path": np.array([image["file_name"].encode(errors="surrogateescape") for image in images]),
        "annotations": np.frombuffer(annotations, np.uint8),
        "detections": np.frombuffer(json.dumps(detections).encode(), np.uint8),
    }


def figures(of_images: Columns) -> Figures:
    """``box_ap``, ``box_ap50``, ..., ``mask_ap_large`` in percent; without any detection each is 0.

    A size that no annotation has is left out.
    """
    annotations, detections = _content(of_images)
    return average_precision(annotations, detections)


def average_precision(annotations: bytes, detections: Sequence[Detection]) -> Figures:
    """The same, of the content of COCO's file of annotations, and of detections in its format of results."""
    truth = ground_truth(annotations)
    return {
        f"{kind}_{figure}": {"value": 100 * value, "unit": "%", "n": len(truth.imgs)}
        for kind, name in KINDS.items()
        for figure, value in zip(FIGURES, _first_six(truth, detections, name), strict=True)
        if value >= 0  # -1: there is nothing of that size
    }


def ground_truth(annotations: bytes) -> Any:
    """The annotations, numbered from 1: evaluators take the id 0 of an annotation for "not matched"."""
    from faster_coco_eval import COCO

    return COCO(_numbered(annotations))


def _numbered(annotations: bytes) -> dict[str, Any]:
    values = json.loads(annotations)
    for number, annotation in enumerate(values["annotations"], start=1):
        annotation["id"] = number
    return values


def _content(of_images: Columns) -> tuple[bytes, list[Detection]]:
    return of_images["annotations"].tobytes(), json.loads(of_images["detections"].tobytes())


def _first_six(truth: Any, detections: Sequence[Detection], kind: str) -> list[float]:
    from faster_coco_eval import COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval_faster(truth, truth.loadRes(_of_kind(detections, kind)), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats[:6]]


def _of_kind(detections: Sequence[Detection], kind: str) -> list[Detection]:
    """Copies for one kind: of boxes without masks, and of masks without boxes, whose size is then the mask's."""
    unused = "segmentation" if kind == "bbox" else "bbox"
    return [{key: value for key, value in detection.items() if key != unused} for detection in detections]


def resampled(of_images: Columns, weights: np.ndarray) -> dict[str, np.ndarray]:
    """AP, AP50 and AP75 of resamples, ``[m]`` each; ``weights`` say how often each has each image, ``[n, m]``."""
    annotations, detections = _content(of_images)
    found: dict[str, np.ndarray] = {}
    for kind, name in KINDS.items():
        of_categories = [_of_category(matches, weights) for matches in _matches(annotations, detections, name)]
        precisions = np.nanmean(of_categories, axis=0)  # over categories: [overlaps, m]
        found |= {f"{kind}_{figure}": 100 * precisions[which].mean(axis=0) for figure, which in RESAMPLED.items()}
    return found


def _matches(annotations: bytes, detections: Sequence[Detection], kind: str) -> Iterator[list[tuple[int, Any]]]:
    """For each category, the number of each image that has anything of it, and what pycocotools matches there.

    It is slower than the evaluator behind the figures, which keeps its matches to itself.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _numbered(annotations)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(_of_kind(detections, kind)), kind)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
        evaluation.evaluate()
    images = len(evaluation.params.imgIds)
    for first in range(0, len(evaluation.evalImgs), images):
        yield [(image, found) for image, found in enumerate(evaluation.evalImgs[first : first + images]) if found]


def _of_category(matches: list[tuple[int, Any]], weights: np.ndarray) -> np.ndarray:
    """AP of one category by overlap and resample, ``[overlaps, m]``; NaN where a resample has nothing of it."""
    recalls = np.linspace(0, 1, 101)
    overlaps = 10
    present = np.array([(~np.asarray(found["gtIgnore"], bool)).sum() for _, found in matches])
    drawn = weights[[image for image, _ in matches]]
    positives = present @ drawn if matches else np.zeros(weights.shape[1])
    if not np.any(positives):
        return np.full((overlaps, weights.shape[1]), np.nan)
    scores = np.concatenate([found["dtScores"] for _, found in matches])
    order = np.argsort(-scores, kind="mergesort")
    of_image = np.repeat(np.arange(len(matches)), [len(found["dtScores"]) for _, found in matches])[order]
    matched, ignored = (
        np.concatenate([np.asarray(found[name], bool) for _, found in matches], axis=1)[:, order]
        for name in ("dtMatches", "dtIgnore")
    )
    areas = np.zeros((overlaps, weights.shape[1]))
    for overlap in range(overlaps if len(order) else 0):
        counted = ~ignored[overlap][:, None] * drawn[of_image]
        hits = np.cumsum(counted * matched[overlap][:, None], axis=0)
        precision = hits / np.maximum(np.cumsum(counted, axis=0), 1)
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        for resample, total in enumerate(positives):
            places = np.searchsorted(hits[:, resample], recalls * total - 1e-9)
            inside = places < len(order)
            areas[overlap, resample] = precision[places[inside], resample].sum() / len(recalls)
    return np.where(positives > 0, areas, np.nan)
