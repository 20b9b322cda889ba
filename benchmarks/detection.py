"""Detection: COCO's average precision by two libraries, and a training iteration by two ways to pool regions."""

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import Comparison, compare
from data.sets.coco.instances import read_instances
from data.sets.coco.reader import ANNOTATIONS, COCOSplit, table_of
from transfer.detection import mmdetection
from transfer.detection.operators import plain_roi_align, plain_roi_align_backward

IMAGES, FOUND, CATEGORIES, SIDE = 500, 30, 20, 256


def measure_scoring() -> Comparison:
    """Boxes by both libraries, on the same detections; they must agree before they are timed.

    Raises:
        AssertionError: they do not.
    """
    mmdetection.load()
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from metrics.detection import average_precision

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        split, detections = _world(Path(folder))

        def reference() -> list[float]:
            figures = []
            for kind, unused in (("bbox", "segmentation"), ("segm", "bbox")):
                truth = COCO(str(split.annotations))
                results = [{key: value for key, value in one.items() if key != unused} for one in detections]
                evaluation = COCOeval(truth, truth.loadRes(results), kind)
                for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
                    step()
                figures += [100 * float(value) for value in evaluation.stats[:3]]
            return figures

        def ours() -> list[float]:
            found = average_precision(split.annotations.read_bytes(), detections)
            return [found[f"{kind}_{name}"]["value"] for kind in ("box", "mask") for name in ("ap", "ap50", "ap75")]

        np.testing.assert_allclose(ours(), reference(), atol=1e-9)
        what = f"COCO AP of boxes and masks, {IMAGES} images, {len(detections)} detections"
        return compare(what, "pycocotools", reference, ours, rounds=5)


def measure_pooling() -> Comparison:
    """Pooling of regions and its gradient, as one iteration of the miniature does it; both ways must agree.

    Compiled operators of mmcv are not measured: building them takes most of an hour.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    images = torch.randn(2, 32, 32, 32)
    corner = torch.rand(64, 2) * 90
    rois = torch.cat([torch.arange(64)[:, None] % 2, corner, corner + 6 + torch.rand(64, 2) * 32], 1)

    def ours() -> tuple[torch.Tensor, torch.Tensor]:
        pooled = plain_roi_align(images, rois, 0.25, 7, 7, 0, True)
        return pooled, plain_roi_align_backward(pooled, rois, 0.25, 7, 7, 2, 32, 32, 32, 0, True)

    def reference() -> tuple[torch.Tensor, torch.Tensor]:
        from torchvision.ops import roi_align

        leaf = images.clone().requires_grad_()
        pooled = roi_align(leaf, rois, 7, 0.25, -1, aligned=True)
        (gradient,) = torch.autograd.grad(pooled, leaf, pooled.detach())
        return pooled.detach(), gradient

    for mine, other in zip(ours(), reference(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)
    return compare("RoIAlign and its gradient, 64 regions", "torchvision's own", reference, ours, rounds=5)


def _world(folder: Path) -> tuple[COCOSplit, list[dict[str, Any]]]:
    """Random boxes as the truth, and many detections, some of them near the truth."""
    rng = np.random.default_rng(0)
    notes = [note for image in range(IMAGES) for note in _notes(image, 7, rng)]
    values = {
        "images": [{"id": image, "file_name": str(image), "width": SIDE, "height": SIDE} for image in range(IMAGES)],
        "annotations": [{**note, "id": number, "iscrowd": 0} for number, note in enumerate(notes, start=1)],
        "categories": [{"id": category, "name": str(category)} for category in range(CATEGORIES)],
    }
    path = folder / ANNOTATIONS["val"]
    path.parent.mkdir()
    path.write_text(json.dumps(values))
    found = [note for image in range(IMAGES) for note in _notes(image, FOUND - 7, rng)] + notes
    detections = [{key: note[key] for key in ("image_id", "category_id", "bbox", "segmentation")} for note in found]
    for detection in detections:
        detection["score"] = float(rng.random())
    ids = tuple(range(CATEGORIES))
    return COCOSplit(path, table_of(read_instances(path), folder), tuple(map(str, ids)), ids), detections


def _notes(image: int, count: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    from pycocotools import mask as run_lengths

    for _ in range(count):
        left, top = (int(side) for side in rng.integers(0, SIDE // 2, 2))
        width, height = (int(side) for side in rng.integers(8, SIDE // 2, 2))
        mask = np.zeros((SIDE, SIDE), np.uint8, order="F")
        mask[top : top + height, left : left + width] = 1
        code = run_lengths.encode(mask)
        yield {
            "image_id": image,
            "category_id": int(rng.integers(CATEGORIES)),
            "bbox": [left, top, width, height],
            "area": width * height,
            "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
        }
