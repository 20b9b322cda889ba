"""Jobs that have begun, or wait in the cluster's queue, with other code than the command's: to go on is a decision."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import InputError
from execution.frozen import COMMAND, FOLDER, REPOSITORY, digest_of_code
from execution.jobs import Job
from execution.starts import code_of_last_start


def jobs_of_other_code(jobs: Sequence[Job], runs: Path, queued: Mapping[str, str]) -> dict[str, list[Job]]:
    """The jobs that are half done or queued with other code than would be taken now, by its digest.

    Args:
        jobs: those that are to do.
        runs: the profile's folder.
        queued: the code of those in the queue, by identity.
    """
    found = {job.identity: _code_of(job, runs) or queued.get(job.identity) for job in jobs}
    known = {code for code in found.values() if code}
    current = digest_of_code(jobs) if known else None
    others = {code: [job for job in jobs if found[job.identity] == code] for code in known if code != current}
    return dict(sorted(others.items()))


def sentences_about(others: Mapping[str, Sequence[Job]], runs: Path) -> list[str]:
    """What is to be decided, one sentence for each code."""
    return [_sentence(code, jobs, runs) for code, jobs in others.items()]


def require_decision(others: Mapping[str, Sequence[Job]], runs: Path) -> None:
    """Refuse to mix code: a figure would come from two, and nobody would have meant it.

    Raises:
        InputError: there are such jobs; the sentence has both ways to go on.
    """
    if others:
        raise InputError(" ".join(sentences_about(others, runs)))


def _code_of(job: Job, runs: Path) -> str | None:
    code = code_of_last_start(job.folder(runs))
    return None if code is None else code.snapshot_sha256


def _sentence(code: str, jobs: Sequence[Job], runs: Path) -> str:
    folder = runs / FOLDER / code
    several = f"{len(jobs)} jobs, such as {jobs[0].name}, are" if len(jobs) > 1 else f"{jobs[0].name} is"
    described = f"{several} half done or queued with other code than that of {REPOSITORY}, namely {folder}"
    new = "with --code new, which their records will say"
    if not (folder / COMMAND).exists():
        return f"{described}, which is gone: restore it from a backup, or go on {new}."
    command = shlex.join([sys.executable, str(folder / COMMAND)])
    return f"{described}: go on with that by giving the same arguments to {command}, or {new}."
