"""The detection stage: Mask R-CNN around a checkpoint's trunk, all layers trained on COCO, evaluated on val."""

from collections.abc import Mapping
from typing import Any

from core.distributed import process_group, rank, world_size
from core.errors import InputError
from core.exhibits import write_exhibits
from core.workspace import MODEL_FILE, Workspace
from data.sets.coco.reader import read_coco
from metrics.detection import columns
from metrics.measures import keep_and_measure
from transfer.detection import mmdetection
from transfer.detection.config import DetectionConfig

DRAWN_IMAGES = 8

if mmdetection.is_installed():  # the server from which jobs are forked then imports it once, for all of them
    mmdetection.load()


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """COCO's AP, AP50 and AP75 in percent, and AP by size, for boxes and masks, after the last iteration.

    The output ``val`` holds the detections, in COCO's format of results, and the annotations that they are measured by;
    the job's folder receives pictures of some detections. The provenance holds the fingerprints of both splits, the
    number of iterations, how BatchNorm's statistics came about, and whose operators served.

    Raises:
        InputError: mmdet is not installed, the data or the checkpoint cannot be read or don't fit, or the processes
            don't divide the batch.
    """
    config = DetectionConfig.model_validate(settings)
    mmdetection.load(config.operators)
    from transfer.detection.evaluation import detections_on, drawings
    from transfer.detection.model import build_detector, normalisation
    from transfer.detection.training import train

    splits = read_coco(workspace.dataset(config.coco), config.classes)
    with process_group() as device:
        if config.batch_size % world_size():
            raise InputError(
                f"batch_size {config.batch_size} is not divisible by {world_size()} processes: change one."
            )
        detector = build_detector(config, workspace.inputs["checkpoint"] / MODEL_FILE, device)
        iterations = train(detector, splits["train"], config, workspace, device)
        detections = detections_on(splits["val"], detector, config, workspace)
        synchronised = world_size() == 1 or normalisation(device) == "SyncBN"
    found = columns(splits["val"].annotations.read_bytes(), detections)
    metrics = keep_and_measure(workspace, "val", "coco-ap", found)
    if rank() == 0:
        write_exhibits(workspace.folder, drawings(splits["val"], detections, DRAWN_IMAGES))
        print(*(f"{name} {metric['value']:.2f}%" for name, metric in metrics.items()))
    workspace.provenance |= {
        "coco": {split: images.fingerprint() for split, images in splits.items()},
        "iterations": iterations,
        "learning_rate": config.scaled_learning_rate,
        "batch_norm": {"synchronised": synchronised, "precise_over_iterations": config.precise_batch_norm},
        "operators": mmdetection.operators_in_use(),
        "detections": len(detections),
    }
    return metrics
