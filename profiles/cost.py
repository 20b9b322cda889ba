"""What a plan costs in GPU-hours: images that go through the network, divided by images a second.

Every job declares its images. Loading is assumed to keep up with the GPU.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from core.config import LARGEST, Config, Named, Positive
from core.errors import InputError
from execution.jobs import Job

MEASURED_FILE = "throughput.json"

Rate = Annotated[float, Field(ge=1e-3, le=LARGEST)]


class Throughput(Config):
    """Images a second on one GPU.

    Attributes:
        device: which GPU, and where the figures are from.
        training: with cross-entropy, to whose step those of other methods are in a known proportion.
        evaluation: forward alone.
        others: of what is neither, by the name by which jobs ask for it; what is not there is not known.
    """

    device: str
    training: Rate
    evaluation: Rate
    others: Named[Rate] = Field(default_factory=dict)

    @property
    def rates(self) -> dict[str, float]:
        """All of them, by name."""
        own = {"training": self.training, "evaluation": self.evaluation}
        return own | self.others | own


class Measured(Throughput):
    """The same, measured by ``python -m benchmarks.throughput``, and what it was measured with.

    Attributes:
        backbone: of the network.
        arithmetic: of trainings, and of every process.
        size: side of the square images, in pixels.
        batch_size: on one GPU.
    """

    backbone: dict[str, Any]
    arithmetic: dict[str, Any]
    size: Positive
    batch_size: Positive

    def is_for(self, profile: Mapping[str, Any]) -> bool:
        """Whether a profile is of this network, this arithmetic and images of this size."""
        pretraining = profile["pretrain"]
        network = (pretraining["backbone"], arithmetic_of(profile), pretraining["views"]["size"])
        return network == (self.backbone, self.arithmetic, self.size)


def arithmetic_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """All that a profile says of how trainings compute."""
    return {**profile["arithmetic"], **profile["pretrain"]["arithmetic"]}


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


def gpu_hours(job: Job, throughput: Throughput) -> float | None:
    """GPU-hours of a job; None where its images or their rate cannot be told, or where it runs without a GPU."""
    if not job.resources.gpus or not job.images:
        return None
    seconds = 0.0
    for name, images in job.images.items():
        rate = throughput.rates.get(name)
        if images is None or rate is None:
            return None
        seconds += images / rate
    return seconds / 3600


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
