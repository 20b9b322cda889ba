"""The trail behind a figure: who measured it, from what, with which code, and how to do it again."""

import json
import shlex
from collections.abc import Iterable, Set
from pathlib import Path

from results.addresses import find, measurements
from results.plan import PlannedJob, Results, read_failure
from results.provenance import digests
from results.records import RECORD_FILE
from results.schema import SCHEMA_VERSION, Part, Record

UNKNOWN = "unknown"


def trace(results: Results, runs: Path, address: str) -> str:
    """All that is behind a figure, as text.

    Raises:
        InputError: the address is no figure's, or not one figure's alone.
    """
    measurement = find(address, measurements(results))
    figure = measurement.figure
    lines = [f"{measurement.address}: {figure.column.title}, {figure.method}, {figure.training_set}"]
    if figure.ours is not None:
        interval = ", 95% interval [{:.2f}, {:.2f}]".format(*figure.ours.interval()) if figure.ours.n > 1 else ""
        lines.append(f"mean {figure.ours.mean:.4f} over {figure.ours.n} seeds{interval}")
    for job in measurement.jobs:
        record = results.records.get(job.name)
        if record is None:
            lines += ["", f"{job.name}: {not_run_because(results, runs, job)}"]
        else:
            lines += ["", *_of_record(results, runs, job, record, figure.column.metric)]
    return "\n".join(lines)


def _of_record(results: Results, runs: Path, job: PlannedJob, record: Record, metric: str) -> Iterable[str]:
    if metric in record.metrics:
        found = record.metrics[metric]
        fits = found.convergence
        stopped = f"; {fits.not_converged} of {fits.fitted} SVMs did not converge" if fits else ""
        yield f"{job.name}: {found.value:.4f} {found.unit} (n = {found.n}{stopped})"
    else:
        yield f"{job.name}: its record has no {metric}"
    version = "" if record.schema_version == SCHEMA_VERSION else f" (version {record.schema_version})"
    yield f"  record       {runs / job.folder / RECORD_FILE}{version}"
    yield f"  seed         {job.tags.get('seed', 'none')}"
    for parent in ancestors(results, job):
        state = "" if parent.name in results.records else " (no record)"
        yield f"  needs        {parent.name} {parent.identity[:10]}{state}"
    yield f"  code         {code_of(record)}"
    for name, part in parts_of(record).items():
        yield f"  {name:<12} {part}"
    for name, digest in digests(record):
        yield f"  data         {name} {digest}"
    yield f"  config       {json.dumps(record.config)}"
    yield f"  again        {command_of(results, job)}"


def parts_of(record: Record) -> dict[str, str]:
    """Packages, environment, arithmetic, hardware and cost, each in a line."""
    starts = record.cost.starts
    packages = ", ".join(f"{name} {version}" for name, version in record.environment.packages.items())
    return {
        "packages": packages or UNKNOWN,
        "environment": described(record.environment, {"packages"}),
        "arithmetic": described(record.arithmetic),
        "hardware": described(record.hardware),
        "cost": f"{described(record.cost, {'starts'})}, starts {UNKNOWN if starts is None else len(starts)}",
    }


def described(part: Part, without: Set[str] = frozenset()) -> str:
    """Names and values in a line; what was not recorded is unknown."""
    values = {name: value for name, value in part.model_dump().items() if name not in without}
    return ", ".join(f"{name.replace('_', ' ')} {UNKNOWN if it is None else it}" for name, it in values.items())


def ancestors(results: Results, job: PlannedJob) -> list[PlannedJob]:
    """All jobs that a job rests on, each once, what is needed first."""
    ordered: dict[str, PlannedJob] = {}

    def visit(name: str) -> None:
        if name in results.planned and name not in ordered:
            for needed in results.planned[name].needs.values():
                visit(needed)
            ordered[name] = results.planned[name]

    for needed in job.needs.values():
        visit(needed)
    return list(ordered.values())


def not_run_because(results: Results, runs: Path, job: PlannedJob) -> str:
    """Why a job has no record, in a sentence."""
    if job.name in results.left_out:
        return results.left_out[job.name]
    if job.lacks:
        return f"left out for want of data: {', '.join(job.lacks)} was not there"
    failure = read_failure(runs, job)
    if failure:
        return f"failed: {failure}"
    for parent in ancestors(results, job):
        failure = None if parent.name in results.records else read_failure(runs, parent)
        if failure:
            return f"not started, because {parent.name} failed: {failure}"
    if (runs / job.folder).is_dir():
        return f"started, not finished: see {job.folder}/log.txt"
    return "not started"


def code_of(record: Record, digits: int = 40) -> str:
    """The versions of the code that ran, by so many digits of their commits."""
    return ", then ".join(
        f"{(code.commit or UNKNOWN)[:digits]}{' with changes' if code.differs else ''}" for code in record.code
    )


def command_of(results: Results, *jobs: PlannedJob) -> str:
    """The command that runs jobs of one kind and method, and what they need, unless they are done."""
    job = jobs[0]
    arguments = results.arguments or ["--profile", str(results.profile["name"])]
    parts = ["python", "run_all.py", *arguments, "--only", job.kind]
    if "method" in job.tags:
        parts += ["--methods", job.tags["method"]]
    if "seed" in job.tags:
        parts += ["--seeds", *(job.tags["seed"] for job in jobs)]
    return shlex.join(parts)
