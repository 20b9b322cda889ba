"""A job: what is to be computed, identified by a hash of everything that determines its result."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.arithmetic import ProcessArithmetic
from core.declarations import Source, Stage
from core.instructions import Instructions
from execution.resources import Resources
from results.records import Found, find_record, read_record
from results.schema import Record


@dataclass(frozen=True, eq=False)
class Job:
    """One call of a stage.

    Attributes:
        name: unique in the reproduction, such as ``pretrain/mopro/webvision-v1/seed0``.
        stage: what is called.
        config: what determines the stage's result, plain JSON values.
        options: the rest of the stage's configuration (loading processes, logging); changes no result.
        needs: jobs whose folders the stage reads, by role.
        resources: what it occupies.
        tags: what tables group by; copied into the record.
        reads: what has to be on disk for it, beside what it needs.
        packages: what has to be installed for it, beside what every job uses.
        images: how many go through the network, by the rate of the profile's ``throughput`` at which they do.
        instructions: those of the processor that the numerical libraries are held to; None for all it has.
        arithmetic: how its processes compute beyond that.
        metrics: the figures that its record has to have, as tables show them.
    """

    name: str
    stage: Stage
    config: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, "Job"] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    tags: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Source, ...] = ()
    packages: tuple[str, ...] = ()
    images: Mapping[str, float | None] = field(default_factory=dict)
    instructions: Instructions | None = None
    arithmetic: ProcessArithmetic = field(default_factory=ProcessArithmetic)
    metrics: tuple[str, ...] = ()

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
        """Hash of stage, configuration and what the job needs; where there are such, of instructions and user's file.

        Arithmetic enters where it is not PyTorch's own, which is also that of jobs from before it could be chosen.
        """
        needs = {role: job.identity for role, job in self.needs.items()}
        own = None if self.arithmetic == ProcessArithmetic() else self.arithmetic.model_dump(mode="json")
        named = [it for it in (self.instructions, self.stage.sha256, own) if it]
        content = json.dumps([self.stage.id, self.config, needs, *named], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def folder(self, runs: Path) -> Path:
        """The job's own folder below ``runs``."""
        return runs / f"{self.name}-{self.identity[:10]}"

    def record(self, runs: Path) -> Record | None:
        """Its record, if it is done.

        Raises:
            UnusableRecordError: there is one that cannot be used: the job is neither done nor to be done.
        """
        return read_record(self.folder(runs), self.identity)

    def found(self, runs: Path) -> Found:
        """Its record, or why the one that is there cannot be used."""
        return find_record(self.folder(runs), self.identity)


@dataclass(frozen=True)
class JobsByState:
    """Jobs by their state; each is in one of three.

    Attributes:
        done: those with a record.
        to_do: those that can be run.
        held_back: neither, each with the reason: a record that cannot be used, its own or of one that it needs.
    """

    done: Sequence[Job]
    to_do: Sequence[Job]
    held_back: Sequence[tuple[Job, str]]


def jobs_by_state(jobs: Iterable[Job], runs: Path) -> JobsByState:
    """The jobs, which are topologically sorted, by their state."""
    done: list[Job] = []
    to_do: list[Job] = []
    held_back: list[tuple[Job, str]] = []
    names: set[str] = set()  # of those held back
    for job in jobs:
        found = job.found(runs)
        reason = found.problem or next(
            (f"needs {need.name}, which is held back" for need in job.needs.values() if need.name in names), None
        )
        if found.record is not None:
            done.append(job)
        elif reason is not None:
            held_back.append((job, reason))
            names.add(job.name)
        else:
            to_do.append(job)
    return JobsByState(done, to_do, held_back)


def topologically_sorted(jobs: Iterable[Job]) -> list[Job]:
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
