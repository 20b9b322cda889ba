"""What the scheduler says: its queue, how ended jobs ended, and the request to end some."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import InputError
from slurm.allocations import outside_allocations

SECONDS_TO_ANSWER = 60
ACTIVE_STATES = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT")


@dataclass(frozen=True)
class Entry:
    """A line of the queue.

    Attributes:
        id: ``123``, or ``123_4`` for element 4 of array 123.
        name: what it was submitted as.
        state: such as ``PENDING`` or ``RUNNING``.
        reason: why it waits, in the scheduler's words.
    """

    id: str
    name: str
    state: str
    reason: str

    @property
    def is_active(self) -> bool:
        """Whether it has begun."""
        return self.state in ACTIVE_STATES

    @property
    def can_run(self) -> bool:
        """Whether it runs or still may: the scheduler leaves jobs in the queue whose needs have failed."""
        return self.reason != "DependencyNeverSatisfied"


def read_queue() -> list[Entry]:
    """The user's waiting and running jobs, every element of an array by itself.

    Raises:
        InputError: there is no SLURM on this machine, or it does not answer.
    """
    lines = _ask("squeue", "--me", "--noheader", "--array", "--format=%i|%T|%r|%j").splitlines()
    fields = [line.strip().split("|", 3) for line in lines if line.strip()]
    return [Entry(identity, name, state, reason) for identity, state, reason, name in fields]


def read_queue_if_there() -> list[Entry]:
    """The queue, which is empty on a machine without SLURM.

    Raises:
        InputError: SLURM is there but does not answer.
    """
    return read_queue() if shutil.which("squeue") else []


def ended_states(ids: Sequence[str]) -> dict[str, str]:
    """How jobs ended, such as ``TIMEOUT``, by id; without those that the accounting (if there is any) does not know."""
    if not ids:
        return {}
    numbers = ",".join(sorted({identity.split("_")[0] for identity in ids}))
    try:
        text = _ask("sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State", "--jobs", numbers)
    except InputError:  # a cluster without accounting
        return {}
    states = dict(line.split("|", 1) for line in text.splitlines())
    return {identity: states[identity].split()[0] for identity in ids if identity in states}


def cancel(ids: Iterable[str]) -> None:
    """End waiting and running jobs.

    Raises:
        InputError: the scheduler does not answer.
    """
    for identity in ids:
        _ask("scancel", identity)


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _ask(*command: str) -> str:
    try:
        with outside_allocations():
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, errors="replace", timeout=SECONDS_TO_ANSWER
            )
    except FileNotFoundError:
        raise InputError(
            f"There is no {command[0]} on this machine: go to a login node of a SLURM cluster, or leave out "
            "--cluster slurm to run here."
        ) from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"SLURM does not answer ({command[0]} waited {SECONDS_TO_ANSWER} s): try again later."
        ) from None
    except subprocess.CalledProcessError as error:
        reason = re.sub(r"^\w+: error: ", "", last_line(error.stderr))
        raise InputError(f"SLURM does not answer ({command[0]}: {reason}): try again later.") from None
    return done.stdout
