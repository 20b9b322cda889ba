"""What a detector finds on COCO's validation images, and pictures of it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from mmengine.model import BaseModel
from PIL import Image, ImageDraw
from pycocotools import mask as run_lengths

from core.distributed import world_size
from core.exhibits import Exhibit
from core.parts import by_part
from core.workspace import Workspace
from data.images import ImageFile
from data.sets.coco.reader import COCOSplit
from metrics.detection import Detection, ground_truth
from transfer.detection.config import DetectionConfig
from transfer.detection.data import test_batches, test_images

DRAWN_FROM = 0.3  # score


def detections_on(
    split: COCOSplit, detector: BaseModel, config: DetectionConfig, workspace: Workspace
) -> list[Detection]:
    """All detections on a split, on every rank, by image; every image is looked at once, over all ranks.

    They are computed by part (:mod:`core.parts`), of which the images are the items.

    Raises:
        Interrupted: a process of the job was asked to stop.
    """
    images = test_images(split)
    detector.eval()

    @torch.no_grad()
    def of_images(numbers: Sequence[int]) -> Iterator[dict[str, np.ndarray]]:
        images.numbers = numbers
        for batch in test_batches(split, config, images):
            (sample,) = detector.test_step(batch)
            yield {"detections": np.frombuffer(json.dumps(_as_results(sample, split)).encode(), np.uint8)}

    of_each = by_part("detections", of_images, len(images), split.fingerprint(), workspace, "images")
    found: list[Detection] = [one for of_image in of_each for one in json.loads(of_image["detections"].tobytes())]
    if world_size() > 1:
        gathered: list[Any] = [None] * world_size()
        dist.all_gather_object(gathered, found)
        found = [detection for of_rank in gathered for detection in of_rank]
    return sorted(found, key=lambda detection: detection["image_id"])


def _as_results(sample: Any, split: COCOSplit) -> list[Detection]:
    instances = sample.pred_instances.cpu()
    boxes = instances.bboxes.double()
    boxes[:, 2:] -= boxes[:, :2]  # COCO gives width and height
    masks = run_lengths.encode(np.asfortranarray(instances.masks.numpy().transpose(1, 2, 0).astype(np.uint8)))
    return [
        {
            "image_id": sample.img_id,
            "category_id": split.category_ids[label],
            "bbox": box,
            "score": score,
            "segmentation": {"size": mask["size"], "counts": mask["counts"].decode()},
        }
        for label, box, score, mask in zip(
            instances.labels.tolist(), boxes.tolist(), instances.scores.tolist(), masks, strict=True
        )
    ]


def drawings(split: COCOSplit, detections: Sequence[Detection], images: int) -> list[Exhibit]:
    """The first images of a split with the boxes and masks of a score from ``DRAWN_FROM`` on."""
    truth = ground_truth(split.annotations.read_bytes())
    names = dict(zip(split.category_ids, split.categories, strict=True))
    exhibits = []
    for image_id in sorted(truth.imgs)[:images]:
        file = split.folder / truth.imgs[image_id]["file_name"]
        certain = [one for one in detections if one["image_id"] == image_id and one["score"] >= DRAWN_FROM]
        listed = [{"category": names[one["category_id"]], "score": round(one["score"], 3)} for one in certain]
        caption = f"{file.name}: {len(certain)} found with a score of {DRAWN_FROM} or more"
        picture = _drawn(ImageFile.opened(file.read_bytes, file, split.annotations).pixels(), certain, names)
        exhibits.append(Exhibit("detections", picture, caption, {"found": listed}))
    return exhibits


def _drawn(image: np.ndarray, detections: Sequence[Detection], names: dict[int, str]) -> np.ndarray:
    picture = image.copy()
    colours = [tuple(np.random.default_rng(one["category_id"]).integers(96, 256, 3).tolist()) for one in detections]
    for one, colour in zip(detections, colours, strict=True):
        inside = run_lengths.decode(one["segmentation"]) > 0
        picture[inside] = picture[inside] // 2 + np.array(colour, np.uint8) // 2
    scale = max(1, 480 // max(picture.shape[:2]))  # small images are enlarged, so that names can be read
    canvas = Image.fromarray(picture).resize((picture.shape[1] * scale, picture.shape[0] * scale))
    pen = ImageDraw.Draw(canvas)
    for one, colour in zip(detections, colours, strict=True):
        left, top, width, height = (scale * side for side in one["bbox"])
        pen.rectangle((left, top, left + width, top + height), outline=colour, width=2)
        pen.text((left + 3, top + 2), f"{names[one['category_id']]} {one['score']:.2f}", fill=colour)
    return np.asarray(canvas)
