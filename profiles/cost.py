"""What a plan costs in GPU-hours: images that go through the network, divided by images a second.

MoPro counts 4/3 of cross-entropy's work: beside forward and backward (which costs twice the forward) it runs the
momentum encoder forward. Loading is assumed to keep up with the GPU.
"""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from core.config import LARGEST, Config, Positive
from core.errors import InputError
from slurm.jobs import Job

MEASURED_FILE = "throughput.json"

# Images of the published data sets.
IMAGENET_TRAIN, IMAGENET_VAL, VALIDATION_IMAGES_OF_A_CLASS = 1_281_167, 50_000, 50
VOC07, PLACES205_VAL = 5_011 + 4_952, 20_500
VARIANTS = {"robustness-imagenet-r": 30_000, "robustness-imagenet-a": 7_500}


Rate = Annotated[float, Field(ge=1e-3, le=LARGEST)]


class Throughput(Config):
    """Images a second on one GPU.

    Attributes:
        device: which GPU, and where the figures are from.
        cross_entropy, mopro: of training.
        evaluation: forward alone.
        detection: training of Mask R-CNN, at COCO's size of images; None where it is not known.
    """

    device: str
    cross_entropy: Rate
    mopro: Rate
    evaluation: Rate
    detection: Rate | None = None


class Measured(Throughput):
    """The same, measured by ``python -m benchmarks.throughput``, and what it was measured with.

    Attributes:
        backbone, arithmetic: of the network.
        size: side of the square images, in pixels.
        batch_size: on one GPU.
    """

    backbone: dict[str, Any]
    arithmetic: dict[str, Any]
    size: Positive
    batch_size: Positive

    def is_for(self, pretraining: Mapping[str, Any]) -> bool:
        """Whether the profile's ``pretrain`` section is of this network and these images."""
        network = (pretraining["backbone"], pretraining["arithmetic"], pretraining["views"]["size"])
        return network == (self.backbone, self.arithmetic, self.size)


def read_measured(path: Path) -> Measured | None:
    """What was measured on this machine; None if nothing was.

    Raises:
        InputError: the file is not what the measurement writes.
    """
    try:
        return Measured.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, ValidationError):
        raise InputError(
            f"{path} is not what python -m benchmarks.throughput writes: measure again, or remove it."
        ) from None


def gpu_hours(job: Job, training_images: Mapping[str, int | None], throughput: Throughput) -> float | None:
    """GPU-hours of a job; None where its images cannot be told, or where it runs without a GPU.

    Args:
        job: of a plan.
        training_images: of each WebVision set, by its tag.
        throughput: of one GPU.
    """
    if not job.resources.gpus:
        return None
    of_set = training_images.get(job.tags.get("set", ""))
    seconds = _seconds(job, of_set, throughput)
    return None if seconds is None else seconds / 3600


def by_kind(jobs: Iterable[Job], hours: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """One row for each kind of job: how many there are, GPU-hours, and what those rest on.

    Args:
        jobs: those to be counted.
        hours: by the job's name; None where the time limit has to stand in.
    """
    rows: dict[str, dict[str, Any]] = {}
    for job in jobs:
        estimated = hours[job.name]
        row = rows.setdefault(job.kind, {"jobs": 0, "GPU-hours": 0.0, "from": "throughput"})
        row["jobs"] += 1
        row["GPU-hours"] += job.resources.gpu_hours if estimated is None else estimated
        if estimated is None:
            row["from"] = "time limit" if job.resources.gpus else "no GPU"
    return [{"kind": kind, **row} for kind, row in rows.items()]


def _seconds(job: Job, training_images: int | None, throughput: Throughput) -> float | None:
    """Of one GPU, for all the job's images."""
    config, kind = job.config, job.kind
    evaluation = throughput.evaluation
    if kind == "pretrain":
        of_method = throughput.mopro if config["method"]["objective"] == "mopro" else throughput.cross_entropy
        return training_images and training_images * config["schedule"]["epochs"] / of_method
    if kind == "cleaning":
        return training_images and training_images / evaluation
    if kind == "retraining":
        passes = 1 if "crop" in config["view"] else config["schedule"]["epochs"]
        return training_images and training_images * passes / evaluation
    if kind.startswith("accuracy-"):
        return VALIDATION_IMAGES_OF_A_CLASS * config["classes"] / evaluation
    if kind == "lowshot-voc07":
        return VOC07 / evaluation
    if kind == "lowshot-places205":
        drawn = config["draws"] * config["classes"] * sum(config["shots"])
        return (PLACES205_VAL + drawn) / evaluation
    if kind.startswith("finetune-"):
        epochs, share = config["schedule"]["epochs"], _share(kind, config["subset"])
        evaluations = math.ceil(epochs / config["evaluate_every"])
        trained = share * IMAGENET_TRAIN * epochs / throughput.cross_entropy
        return trained + evaluations * IMAGENET_VAL / evaluation
    if kind in VARIANTS:
        return VARIANTS[kind] / evaluation
    if kind.startswith("detection-"):
        images = config["schedule"]["iterations"] * config["batch_size"]
        return throughput.detection and images / throughput.detection
    return None


def _share(kind: str, subset: Mapping[str, Any]) -> float:
    """Of ImageNet; a list's is what its name says, such as ``1pct``."""
    if subset["kind"] == "random":
        return subset["fraction"]
    return float(kind.removeprefix("finetune-").removesuffix("pct")) / 100
