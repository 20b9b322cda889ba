"""The note of every submission: which jobs of the plan it holds, written before the scheduler is told of it.

The name of a submission ends with a token. Whoever finds that name in the queue finds the note, and by the note the
jobs: a command that is interrupted right after the scheduler took the submission has lost nothing.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.files import write_json
from execution.jobs import Job
from slurm.scheduler import Entry

FOLDER = "slurm"


@dataclass(frozen=True)
class Submission:
    """Jobs that were submitted together: one, or the elements of an array.

    Attributes:
        token: ends its name in the queue.
        identities: of the jobs, in the order of the array.
        id: the scheduler's number, once it gave one.
        code: digest of the copy of the code that they run with; None in notes of before there were such.
    """

    token: str
    identities: tuple[str, ...]
    id: str | None = None
    code: str | None = None

    @classmethod
    def of(cls, jobs: Sequence[Job], code: str | None) -> "Submission":
        """A new one."""
        return cls(secrets.token_hex(4), tuple(job.identity for job in jobs), code=code)

    def numbered(self, identity: str) -> "Submission":
        """The same, as the scheduler knows it."""
        return replace(self, id=identity)

    @property
    def ids(self) -> dict[str, str]:
        """The scheduler's id of every job, by the job's identity."""
        if self.id is None:
            return {}
        if len(self.identities) == 1:
            return {self.identities[0]: self.id}
        return {identity: f"{self.id}_{element}" for element, identity in enumerate(self.identities)}

    def write(self, runs: Path) -> None:
        """Note it."""
        write_json(_path(runs, self.token), asdict(self))

    def forget(self, runs: Path) -> None:
        """Take the note away: the scheduler refused it."""
        _path(runs, self.token).unlink(missing_ok=True)


def queued_jobs(entries: Sequence[Entry], runs: Path) -> dict[str, Entry]:
    """The queue's entries of this plan's jobs, by identity."""
    return {identity: entry for identity, entry, _ in _queued(entries, runs)}


def code_of_queued(entries: Sequence[Entry], runs: Path) -> dict[str, str]:
    """The code of this plan's jobs in the queue, where it was noted, by identity."""
    return {identity: submission.code for identity, _, submission in _queued(entries, runs) if submission.code}


def _queued(entries: Sequence[Entry], runs: Path) -> Iterator[tuple[str, Entry, Submission]]:
    for entry in entries:
        submission = _read(_path(runs, entry.name.rpartition(".")[2]))
        if submission is not None:
            yield submission.identities[int(entry.id.partition("_")[2] or 0)], entry, submission


def was_ever_submitted(runs: Path) -> bool:
    """Whether a job of this folder was ever given to a scheduler."""
    return any(_notes(runs))


def last_ids(runs: Path) -> dict[str, str]:
    """The scheduler's newest id of every job that was ever submitted, by identity."""
    submissions = [submission for path in _notes(runs) if (submission := _read(path)) and submission.id]
    ids: dict[str, str] = {}
    for submission in sorted(submissions, key=lambda submission: int(submission.id or 0)):
        ids |= submission.ids
    return ids


def _notes(runs: Path) -> Iterator[Path]:
    return (runs / FOLDER).glob("submission-*.json")


def _path(runs: Path, token: str) -> Path:
    return runs / FOLDER / f"submission-{token}.json"


def _read(path: Path) -> Submission | None:
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return Submission(values["token"], tuple(values["identities"]), values["id"], values.get("code"))
