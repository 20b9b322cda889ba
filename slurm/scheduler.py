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


class NoAnswerError(InputError):
    """The scheduler does not answer; it may later."""


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


@dataclass(frozen=True)
class Scheduler:
    """The commands that ask it, and what they say.

    Attributes:
        cluster: which of several that share one accounting; None for the one that this machine belongs to.
    """

    cluster: str | None

    def queue(self) -> list[Entry]:
        """The user's waiting and running jobs, every element of an array by itself.

        Raises:
            InputError: there is no SLURM on this machine, or it does not answer.
        """
        text = self.ask("squeue", "--me", "--noheader", "--array", "--format=%i|%T|%r|%j")
        lines = (line.strip().split("|", 3) for line in text.splitlines())
        fields = [line for line in lines if len(line) == 4]  # the first line may name the cluster
        return [Entry(identity, name, state, reason) for identity, state, reason, name in fields]

    def queue_if_there(self) -> list[Entry]:
        """The queue, which is empty on a machine without SLURM.

        Raises:
            InputError: SLURM is there but does not answer.
        """
        return self.queue() if shutil.which("squeue") else []

    def ended_states(self, ids: Sequence[str]) -> dict[str, str]:
        """How jobs ended, such as ``TIMEOUT``, by id; without those of which nothing is known any more.

        Without accounting, SLURM forgets a job some minutes after its end.
        """
        if not ids:
            return {}
        states = self._states("squeue", "--me", "--states=all", "--noheader", "--array", "--format=%i|%T")
        if numbers := {identity.split("_")[0] for identity in ids if identity not in states}:
            options = ("--noheader", "--parsable2", "--allocations", "--format=JobID,State")
            states |= self._states("sacct", *options, "--jobs", ",".join(sorted(numbers)))
        return {identity: states[identity] for identity in ids if identity in states}

    def _states(self, *question: str) -> dict[str, str]:
        """States by id, as a command prints them; none where there is no accounting, or no SLURM at all."""
        try:
            lines = [line.split("|", 1) for line in self.ask(*question).splitlines()]
        except InputError:
            return {}
        return {line[0]: line[1].split()[0] for line in lines if len(line) == 2}

    def cancel(self, ids: Iterable[str]) -> None:
        """End waiting and running jobs.

        Raises:
            InputError: the scheduler does not answer.
        """
        for identity in ids:
            self.ask("scancel", identity)

    def ask(self, program: str, *arguments: str) -> str:
        """What a command of SLURM prints.

        Raises:
            NoAnswerError: it fails.
            InputError: there is no such command.
        """
        named = [f"--clusters={self.cluster}"] if self.cluster else []
        try:
            with outside_allocations():
                done = subprocess.run(
                    [program, *named, *arguments],
                    check=True,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=SECONDS_TO_ANSWER,
                )
        except FileNotFoundError:
            raise InputError(
                f"There is no {program} on this machine: go to a login node of a SLURM cluster, or leave out "
                "--cluster slurm to run here."
            ) from None
        except subprocess.TimeoutExpired:
            raise NoAnswerError(
                f"SLURM does not answer ({program} waited {SECONDS_TO_ANSWER} s): try again later."
            ) from None
        except subprocess.CalledProcessError as error:
            reason = reason_in(error.stderr)
            raise NoAnswerError(f"SLURM does not answer ({program}: {reason}): try again later.") from None
        return done.stdout


ERROR = re.compile(r"^\w+: (?:error|fatal): ")


def reason_in(text: str) -> str:
    """Why a command of SLURM failed, of what it wrote: its errors among warnings, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [ERROR.sub("", line) for line in lines if ERROR.match(line)]
    return "; ".join(dict.fromkeys(errors)) or (lines or ["no reason given"])[-1]
