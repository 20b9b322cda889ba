"""What a plan costs in GPU-hours: images that go through the network, divided by images a second.

Every job declares its images. Loading is assumed to keep up with the GPU. A profile may name cheaper ways to run it,
and say which figures they would move.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError, model_validator

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
        times: by how much rates then grow, by their names. What was done before counts for nothing, as its arithmetic
            was another.
        source: where these factors are from.
    """

    set: dict[str, str | bool | int | float | None] = Field(min_length=1)
    moves: str
    without: FromList[tuple[str, ...]] = ()
    times: Named[Rate] = Field(default_factory=dict)
    source: str = ""

    @model_validator(mode="after")
    def _saves_something_for_a_reason(self) -> "Cheaper":
        if self.times and not self.source:
            raise ValueError("times needs a source, which says where the factors are from")
        if self.times and all(value is None for value in self.set.values()):
            raise ValueError("times is about values that are set, found null alone")
        if not self.times and not self.without:
            raise ValueError("found neither times nor without, expected one of them, as nothing is saved otherwise")
        return self

    def arguments(self, profile: Mapping[str, Any]) -> str:
        """As the command takes the values, without those of sections that the profile leaves out."""
        return " ".join(
            f"--set {key}={value if isinstance(value, str) else json.dumps(value)}"
            for key, value in self.set.items()
            if _place_of(key, profile) is not None
        )

    def is_taken_by(self, profile: Mapping[str, Any]) -> bool:
        """Whether a profile has all these values, where it has their sections, of which it needs one."""
        places = [(key, _place_of(key, profile), value) for key, value in self.set.items()]
        found = [(place.get(key.rpartition(".")[2]), value) for key, place, value in places if place is not None]
        return bool(found) and all(json.dumps(own) == json.dumps(value) for own, value in found)  # 0 is not false

    def unknown_key(self, profile: Mapping[str, Any]) -> str | None:
        """The first key that a profile cannot have; None where there is none."""
        for key, value in self.set.items():
            place = _place_of(key, profile)
            if place is not None and (not place or (value is not None and key.rpartition(".")[2] not in place)):
                return key
        return None


def _place_of(key: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The section of a key such as ``pretrain.schedule.epochs``; None where it, or one around it, is null."""
    place: Any = values
    for part in key.split(".")[:-1]:
        place = place.get(part, {}) if isinstance(place, Mapping) else {}
        if place is None:
            return None
    return place if isinstance(place, Mapping) else {}


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

    @model_validator(mode="after")
    def _factors_are_of_its_rates(self) -> "Throughput":
        for number, way in enumerate(self.cheaper):
            for name in way.times.keys() - self.rates.keys():
                known = ", ".join(self.rates)
                raise ValueError(f"cheaper.{number}.times.{name}: there is no such rate, expected some of {known}")
        keys = [key for way in self.cheaper if way.times for key in way.set]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(
                f"two ways of cheaper have times and set {twice}, so that their factors would be multiplied"
            )
        return self

    @property
    def rates(self) -> dict[str, float]:
        """All of them, by name."""
        own = {"training": self.training, "evaluation": self.evaluation}
        return own | self.others | own

    def of(self, profile: Mapping[str, Any]) -> "Throughput":
        """That of a profile, which may have taken cheaper ways."""
        found = self
        for way in self.cheaper:
            if way.is_taken_by(profile):
                found = found.by(way)
        return found

    def by(self, way: Cheaper) -> "Throughput":
        """The same by a cheaper way."""
        if not way.times:
            return self
        rates = {name: rate * way.times.get(name, 1) for name, rate in self.rates.items()}
        others = {name: rate for name, rate in rates.items() if name not in ("training", "evaluation")}
        factors = ", ".join(f"{name} {factor:g} times as fast" for name, factor in way.times.items())
        changed = {"training": rates["training"], "evaluation": rates["evaluation"], "others": others}
        return self.model_copy(update=changed | {"device": f"{self.device}, {factors} ({way.source})"})


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


def cheaper_plans(
    ways: Sequence[Cheaper], throughput: Throughput, jobs: Sequence[Job], to_do: Sequence[Job]
) -> list[CheaperPlan]:
    """The ways by which a plan costs less.

    Args:
        ways: those that the profile has not taken.
        throughput: of the profile as it is.
        jobs: of the plan.
        to_do: those of them that are not done.
    """
    own = _hours_of(to_do, throughput)
    plans = []
    for way in ways:
        left = [job for job in (jobs if way.times else to_do) if job.kind not in way.without]
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
