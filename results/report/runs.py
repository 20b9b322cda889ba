"""What the page says of runs: which were done, what they cost, what produced them, and why others were not done."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from results.plan import PlannedJob, Results
from results.provenance import digests
from results.records import RECORD_FILE
from results.schema import Metric, Record
from results.trail import code_of, command_of, not_run_because, parts_of


@dataclass(frozen=True)
class Run:
    """A job of a group, done."""

    name: str
    seed: str
    record: str
    metrics: Sequence[str]
    needs: Sequence[tuple[str, str]]
    minutes: float


@dataclass(frozen=True)
class Trail:
    """Jobs that differ in their seed alone, and what produced them.

    Attributes:
        anchor: of its place on the page.
        title: of the group.
        stage: what ran.
        metrics: names of the figures.
        runs: the jobs.
        code, parts, data: of all of them, each once; parts are what else is known of how they ran, by its name.
        config: of the first, as JSON.
        command: that runs them.
    """

    anchor: str
    title: str
    stage: str
    metrics: Sequence[str]
    runs: Sequence[Run]
    code: Sequence[str]
    parts: Sequence[tuple[str, str]]
    data: Sequence[tuple[str, Sequence[str]]]
    config: str
    command: str


@dataclass(frozen=True)
class Absent:
    """Jobs of a group that have no record for the same reason."""

    title: str
    seeds: str
    reason: str


def grouped(jobs: Iterable[PlannedJob]) -> dict[str, list[PlannedJob]]:
    """Jobs by their names without the seed."""
    groups: dict[str, list[PlannedJob]] = {}
    for job in jobs:
        groups.setdefault(_group_of(job), []).append(job)
    return groups


def _group_of(job: PlannedJob) -> str:
    return re.sub(r"/seed\d+$", "", job.name)


def _done(results: Results, jobs: Iterable[PlannedJob]) -> list[tuple[PlannedJob, Record]]:
    return [(job, results.records[job.name]) for job in jobs if job.name in results.records]


def anchor(group: str) -> str:
    """The place on the page of a group's trail."""
    return "trail-" + re.sub(r"[^A-Za-z0-9.]+", "-", group).strip("-")


def ranges(numbers: Sequence[int]) -> str:
    """Such as ``0 to 2, 7``, of sorted numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]} to {part[-1]}" if part[1:] else str(part[0]) for part in parts)


def duration(seconds: float) -> str:
    """In hours or minutes."""
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"


def absences(results: Results, runs: Path, groups: Mapping[str, Sequence[PlannedJob]]) -> list[Absent]:
    """The jobs that have no record, by group and reason."""
    absent = []
    for title, jobs in groups.items():
        by_reason: dict[str, list[PlannedJob]] = {}
        for job in (job for job in jobs if job.name not in results.records):
            by_reason.setdefault(not_run_because(results, runs, job), []).append(job)
        for reason, alike in by_reason.items():
            seeds = sorted(int(job.tags["seed"]) for job in alike if "seed" in job.tags)
            absent.append(Absent(title, ranges(seeds), reason))
    return absent


def costs(results: Results) -> list[tuple[str, int, str, str]]:
    """Kind of job, how many were done, their time and their GPU-hours."""
    kinds: dict[str, list[Record]] = {}
    for job, record in results.done:
        kinds.setdefault(job.kind, []).append(record)
    return [
        (
            kind,
            len(records),
            duration(sum(record.cost.seconds for record in records)),
            f"{sum(record.cost.gpu_hours for record in records):.1f}",
        )
        for kind, records in kinds.items()
    ]


def trails(results: Results, groups: Mapping[str, Sequence[PlannedJob]]) -> list[Trail]:
    """Of every group of which a job is done."""
    found = [(title, _done(results, jobs)) for title, jobs in groups.items()]
    return [_trail(results, title, done) for title, done in found if done]


def _trail(results: Results, title: str, done: Sequence[tuple[PlannedJob, Record]]) -> Trail:
    metrics = list(dict.fromkeys(name for _, record in done for name in record.metrics))
    data: dict[str, dict[str, None]] = {}
    for _, record in done:
        for name, digest in digests(record):
            data.setdefault(name, {})[digest] = None
    return Trail(
        anchor=anchor(title),
        title=title,
        stage=done[0][1].stage,
        metrics=metrics,
        runs=[_run(results, job, record, metrics) for job, record in done],
        code=_each_once(code_of(record) for _, record in done),
        parts=list(dict.fromkeys(part for _, record in done for part in parts_of(record).items() if part[0] != "cost")),
        data=[(name, list(found)) for name, found in data.items()],
        config=json.dumps(done[0][1].config, indent=2),
        command=command_of(results, *(job for job, _ in done)),
    )


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _run(results: Results, job: PlannedJob, record: Record, metrics: Sequence[str]) -> Run:
    parents = [results.planned[name] for name in job.needs.values() if name in results.planned]
    return Run(
        name=job.name,
        seed=job.tags.get("seed", ""),
        record=quote(f"{job.folder}/{RECORD_FILE}"),
        metrics=[_shown(record.metrics.get(name)) for name in metrics],
        needs=[(parent.identity[:10], anchor(_group_of(parent))) for parent in parents],
        minutes=record.cost.seconds / 60,
    )


def _shown(metric: Metric | None) -> str:
    if metric is None:
        return ""
    value = f"{metric.value:.2f}" if metric.unit == "%" else f"{metric.value:g}"
    return value + (f" ± {metric.spread:.2f}" if metric.spread is not None else "")
