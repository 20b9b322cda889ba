"""The trail behind a figure: who measured it, from what, with which code, and how to do it again."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from results.addresses import find, measurements
from results.plan import PlannedJob, Results, read_failure
from results.records import RECORD_FILE, Record


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
        record = results.by_name.get(job.name)
        if record is None:
            lines += ["", f"{job.name}: {not_run_because(results, runs, job)}"]
        else:
            lines += ["", *_of_record(results, runs, job, record, figure.column.metric)]
    return "\n".join(lines)


def _of_record(results: Results, runs: Path, job: PlannedJob, record: Record, metric: str) -> Iterable[str]:
    if metric in record.metrics:
        found = record.metrics[metric]
        yield f"{job.name}: {found.value:.4f} {found.unit} (n = {found.n})"
    else:
        yield f"{job.name}: its record has no {metric}"
    yield f"  record       {runs / job.folder / RECORD_FILE}"
    yield f"  seed         {record.seed}"
    for parent in ancestors(results, job):
        state = "" if parent.name in results.by_name else " (no record)"
        yield f"  needs        {parent.name} {parent.identity[:10]}{state}"
    yield f"  code         {code_of(record)}"
    yield f"  packages     {', '.join(f'{name} {version}' for name, version in record.packages.items())}"
    for name, fingerprint in fingerprints(record.provenance):
        yield f"  data         {name} {fingerprint}"
    yield f"  config       {json.dumps(record.config)}"
    yield f"  again        {command_of(results, job)}"


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
    folder = f"{job.folder}/"
    spoilt = next((problem for problem in results.problems if folder in problem), None)
    if spoilt:
        return spoilt
    failure = read_failure(runs, job)
    if failure:
        return f"failed: {failure}"
    for parent in ancestors(results, job):
        failure = None if parent.name in results.by_name else read_failure(runs, parent)
        if failure:
            return f"not started, because {parent.name} failed: {failure}"
    if (runs / job.folder).is_dir():
        return f"started, not finished: see {job.folder}/log.txt"
    return "not started"


def code_of(record: Record) -> str:
    """The version of the code that wrote a record."""
    commit = record.code.get("commit") or "unknown"
    return f"{commit}{' with changes' if record.code.get('dirty') else ''}"


def fingerprints(provenance: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Every data set's size and digest, and every other file's digest, by name."""
    found = []
    for name, value in provenance.items():
        if isinstance(value, Mapping) and "sha256" in value:
            found.append((prefix + name, f"{value.get('images', '')} images, sha256 {value['sha256']}".lstrip()))
        elif isinstance(value, Mapping):
            found += fingerprints(value, f"{prefix}{name}.")
        elif name.endswith("sha256"):
            found.append((prefix + name.removesuffix("_sha256"), f"sha256 {value}"))
    return found


def command_of(results: Results, *jobs: PlannedJob) -> str:
    """The command that runs jobs of one kind and method, and what they need, unless they are done."""
    job = jobs[0]
    arguments = results.arguments or ["--profile", str(results.profile["name"])]
    parts = ["python", "run_all.py", *arguments, "--only", job.name.split("/")[0]]
    if "method" in job.tags:
        parts += ["--methods", job.tags["method"]]
    if "seed" in job.tags:
        parts += ["--seeds", *(job.tags["seed"] for job in jobs)]
    return shlex.join(parts)
