"""A written plan and the records that are there for it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import InputError
from core.files import read_whole
from results.records import RECORD_FILE, Record, UnusableRecordError, parse_record

PLAN_FILE = "plan.json"
ERROR_FILE = "error.json"  # what a failed job leaves in its folder, {"kind": ..., "sentence": ...}


# (method, set, evaluation, metric) -> seed -> (value, spread over the measurement's own repetitions)
Measured = dict[tuple[str, str, str, str], dict[str, tuple[float, float | None]]]


class PlannedJob(BaseModel):
    """A job of the plan.

    Attributes:
        name: such as ``pretrain/mopro/webvision-v1/seed0``.
        identity: hash of all that determines its result.
        folder: relative to the plan's.
        tags: what tables group by.
        needs: names of the jobs it needs, by role.
    """

    name: str
    identity: str
    folder: str
    tags: dict[str, str]
    needs: dict[str, str] = {}

    @cached_property
    def figure(self) -> tuple[str, ...] | None:
        """What it measures: method, set, evaluation and seed; None where that is no figure of a table."""
        if "evaluation" not in self.tags:
            return None
        return tuple(self.tags.get(tag, "") for tag in ("method", "set", "evaluation", "seed"))


class Plan(BaseModel):
    """The content of ``plan.json``; ``arguments`` are those of run_all.py that gave the profile."""

    profile: dict[str, Any]
    arguments: list[str] = []
    jobs: list[PlannedJob]


@dataclass(frozen=True)
class Results:
    """The records of one reproduction.

    Attributes:
        profile: resolved, as it was planned last.
        records: of the finished jobs of that plan; records of earlier plans are left out.
        missing: names of the jobs that have no record.
        tags: of all jobs of the plan.
        jobs: all of them, in the plan's order.
        problems: a sentence for every record that is there and was left out.
        arguments: of run_all.py, that gave the profile.
        digest: of the plan and of every record, byte by byte.
    """

    profile: dict[str, Any]
    records: list[Record]
    missing: list[str]
    tags: list[dict[str, str]]
    jobs: list[PlannedJob] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    digest: str = ""

    @cached_property
    def by_name(self) -> dict[str, Record]:
        """The records by their jobs' names."""
        return {record.name: record for record in self.records}

    @cached_property
    def measured(self) -> Measured:
        """All figures, by (method, set, evaluation, metric) and seed."""
        measured: Measured = {}
        for record in self.records:
            tags = record.tags
            if "evaluation" not in tags:
                continue
            for name, metric in record.metrics.items():
                key = (tags["method"], tags["set"], tags["evaluation"], name)
                measured.setdefault(key, {})[tags["seed"]] = (metric.value, metric.spread)
        return measured

    @cached_property
    def planned(self) -> dict[str, PlannedJob]:
        """The jobs by name."""
        return {job.name: job for job in self.jobs}


def read_results(runs: Path) -> Results:
    """Read the plan in ``runs`` and every record that belongs to it.

    A record that cannot be used is named and left out; so are two that claim to be the same figure.

    Raises:
        InputError: there is no plan, or it is damaged.
    """
    content = _plan_in(runs)
    digest = hashlib.sha256(content)
    plan = _parsed(content, runs)
    found, problems = _usable(plan.jobs, runs, digest.update)
    _leave_out_duplicates(plan.jobs, found, problems)
    return Results(
        profile=plan.profile,
        records=list(found.values()),
        missing=[job.name for job in plan.jobs if job.name not in found],
        tags=[job.tags for job in plan.jobs],
        jobs=plan.jobs,
        problems=problems,
        arguments=plan.arguments,
        digest=digest.hexdigest(),
    )


def read_failure(runs: Path, job: PlannedJob) -> str | None:
    """The sentence that a failed job left in its folder, or None."""
    try:
        return str(json.loads((runs / job.folder / ERROR_FILE).read_text())["sentence"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _plan_in(runs: Path) -> bytes:
    try:
        return (runs / PLAN_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{runs} holds no {PLAN_FILE}: run the profile first, with python run_all.py.") from None


def _parsed(content: bytes, runs: Path) -> Plan:
    try:
        return Plan.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "not JSON"
        raise InputError(
            f"{runs / PLAN_FILE} is damaged ({place}): write it anew, with the command python run_all.py."
        ) from None


def _usable(jobs: list[PlannedJob], runs: Path, seen: Callable[[bytes], None]) -> tuple[dict[str, Record], list[str]]:
    """Records by job, and what is wrong with the others; ``seen`` is called with every record's bytes."""
    found, problems = {}, []
    for job in jobs:
        place = f"{runs}/{job.folder}/{RECORD_FILE}"
        try:
            content = read_whole(place)
        except FileNotFoundError:
            continue
        seen(content)
        try:
            found[job.name] = parse_record(content, place, job.identity)
        except UnusableRecordError as error:
            problems.append(str(error))
    return found, problems


def _leave_out_duplicates(jobs: list[PlannedJob], found: dict[str, Record], problems: list[str]) -> None:
    """Take out all records of a figure that more than one job claims to have measured."""
    by_figure: dict[tuple[str, ...], list[PlannedJob]] = {}
    for job in jobs:
        if job.figure and job.name in found:
            by_figure.setdefault(job.figure, []).append(job)
    for figure, claiming in by_figure.items():
        if len(claiming) > 1:
            problems.append(
                f"The records {' and '.join(f'{job.folder}/{RECORD_FILE}' for job in claiming)} are both of "
                f"{'/'.join(figure)}: remove all but one."
            )
            for job in claiming:
                found.pop(job.name, None)
