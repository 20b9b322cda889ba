"""A job: what is to be computed, identified by a hash of everything that determines its result."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from core.config import Config
from core.instructions import Instructions
from results.records import Record, read_record
from slurm.config import SbatchOptions, checked


class Resources(Config):
    """What a job occupies; not part of its identity.

    Attributes:
        tasks: processes that work on the job together, one for each GPU where there are any.
        nodes: machines that they are spread over evenly, on a cluster.
        cpus: processor cores for each task.
        gpus: GPUs for each task, 0 or 1.
        memory: GiB on each node, on a cluster; None for its default.
        hours: expected length, for cost estimates; the time limit on a cluster, after which a training goes on anew.
        sbatch: further options of sbatch for these jobs alone.
    """

    tasks: int = Field(default=1, gt=0)
    nodes: int = Field(default=1, gt=0)
    cpus: int = Field(default=1, gt=0)
    gpus: int = Field(default=0, ge=0, le=1)
    memory: float | None = Field(default=None, gt=0)
    hours: float = Field(default=1.0, gt=0)
    sbatch: SbatchOptions = Field(default_factory=dict)

    _checked = field_validator("sbatch")(checked)

    @model_validator(mode="after")
    def _nodes_share_tasks(self) -> "Resources":
        if self.tasks % self.nodes:
            raise ValueError(f"{self.tasks} tasks cannot be spread evenly over {self.nodes} nodes")
        return self

    @property
    def all_gpus(self) -> int:
        """GPUs of all tasks together."""
        return self.tasks * self.gpus

    @property
    def gpu_hours(self) -> float:
        """The cost of the expected length."""
        return self.all_gpus * self.hours


@dataclass(frozen=True, eq=False)
class Job:
    """One call of a stage.

    Attributes:
        name: where it stands in the reproduction, such as ``pretrain/mopro/webvision-v1/seed0``.
        stage: import path of the stage, ``module:function``.
        config: what determines the stage's result, plain JSON values.
        options: the rest of the stage's configuration (loading processes, logging); changes no result.
        needs: jobs whose folders the stage reads, by role.
        resources: what it occupies.
        tags: what tables group by; copied into the record.
        instructions: those of the processor that the numerical libraries are held to; None for all it has.
    """

    name: str
    stage: str
    config: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, "Job"] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    tags: Mapping[str, str] = field(default_factory=dict)
    instructions: Instructions | None = None

    @property
    def kind(self) -> str:
        """What its name begins with, such as ``pretrain``."""
        return self.name.split("/")[0]

    @property
    def configuration(self) -> dict[str, Any]:
        """What the stage is called with."""
        return {**self.config, **self.options}

    @cached_property
    def identity(self) -> str:
        """Hash of stage, configuration, the identities of what the job needs, and instructions where it names some."""
        needs = {role: job.identity for role, job in self.needs.items()}
        named = [self.instructions] if self.instructions else []
        content = json.dumps([self.stage, self.config, needs, *named], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def folder(self, runs: Path) -> Path:
        """The job's own folder below ``runs``."""
        return runs / f"{self.name}-{self.identity[:10]}"

    def record(self, runs: Path) -> Record | None:
        """Its record, if it is done."""
        return read_record(self.folder(runs), self.identity)


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """The jobs and everything they need, each once (by name), what is needed first."""
    ordered: dict[str, Job] = {}

    def visit(job: Job) -> None:
        if job.name not in ordered:
            for needed in job.needs.values():
                visit(needed)
            ordered[job.name] = job

    for job in jobs:
        visit(job)
    return list(ordered.values())
