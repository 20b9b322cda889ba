"""What a plan costs in GPU-hours: images that go through the network, divided by images a second.

Every job declares its images. Loading is assumed to keep up with the GPU. A profile may name cheaper ways to run it,
and say which figures they would move.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from core.config import LARGEST, Config, FromList, Named, Positive
from core.errors import InputError
from execution.jobs import Job

MEASURED_FILE = "throughput.json"

Rate = Annotated[float, Field(ge=1e-3, le=LARGEST)]


class Cheaper(Config):
    """A cheaper way to run a profile.

    Attributes:
        set: the values that lead there, by their keys in the profile.
        moves: the figures that may then be others.
        without: kinds of jobs that are then left out.
        device: which GPU, and where the rates are from.
        rates: images a second that are others than the profile's, by name. What was done before counts for nothing
            then, as its arithmetic was another.
    """

    set: dict[str, str | bool | None] = Field(min_length=1)
    moves: str
    without: FromList[tuple[str, ...]] = ()
    device: str = ""
    rates: Named[Rate] = Field(default_factory=dict)

    @property
    def arguments(self) -> str:
        """As the command takes the values."""
        return " ".join(
            f"--set {key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in self.set.items()
        )

    def is_taken_by(self, profile: Mapping[str, Any]) -> bool:
        """Whether a profile has all these values."""
        return all(_value_at(key, profile) == value for key, value in self.set.items())


def _value_at(key: str, values: Any) -> Any:
    """The value of a key such as ``pretrain.schedule.epochs``; None where there is none."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


class Throughput(Config):
    """Images a second on one GPU.

    Attributes:
        device: which GPU, and where the figures are from.
        training: with cross-entropy, to whose step those of other methods are in a known proportion.
        evaluation: forward alone.
        others: of what is neither, by the name by which jobs ask for it; what is not there is not known.
        cheaper: ways to run the profile in fewer hours than these rates give.
    """

    device: str
    training: Rate
    evaluation: Rate
    others: Named[Rate] = Field(default_factory=dict)
    cheaper: FromList[tuple[Cheaper, ...]] = ()

    @property
    def rates(self) -> dict[str, float]:
        """All of them, by name."""
        own = {"training": self.training, "evaluation": self.evaluation}
        return own | self.others | own

    def of(self, profile: Mapping[str, Any]) -> "Throughput":
        """That of a profile, which may have taken a cheaper way with other rates."""
        return next((self.by(way) for way in self.cheaper if way.rates and way.is_taken_by(profile)), self)

    def by(self, way: Cheaper) -> "Throughput":
        """The same by a cheaper way."""
        rates = self.rates | way.rates
        others = {name: rate for name, rate in rates.items() if name not in ("training", "evaluation")}
        changed = {"training": rates["training"], "evaluation": rates["evaluation"], "others": others}
        return self.model_copy(update=changed | ({"device": way.device} if way.rates else {}))


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


class CheaperPlan(NamedTuple):
    """What is to do by a cheaper way.

    Attributes:
        way: which.
        throughput: by which it is estimated.
        hours: GPU-hours.
    """

    way: Cheaper
    throughput: Throughput
    hours: float


def cheaper_plans(throughput: Throughput, jobs: Sequence[Job], to_do: Sequence[Job]) -> list[CheaperPlan]:
    """The ways by which a plan costs less.

    Args:
        throughput: of the profile as it is.
        jobs: of the plan.
        to_do: those of them that are not done.
    """
    own = _hours_of(to_do, throughput)
    plans = []
    for way in throughput.cheaper:
        left = [job for job in (jobs if way.rates else to_do) if job.kind not in way.without]
        plans.append(CheaperPlan(way, throughput.by(way), _hours_of(left, throughput.by(way))))
    return [plan for plan in plans if plan.hours < own]


def _hours_of(jobs: Iterable[Job], throughput: Throughput) -> float:
    """GPU-hours of all together; of a job about which the throughput does not tell, its time limit."""
    estimated = ((job, gpu_hours(job, throughput)) for job in jobs)
    return sum(job.resources.gpu_hours if hours is None else hours for job, hours in estimated)


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
