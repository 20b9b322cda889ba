"""Follows submitted jobs until all have ended, for a command that waits."""

import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from execution.jobs import Job
from execution.local import Display, Failure
from execution.task import read_error
from slurm.queue import read_queue
from slurm.states import JobState, State, read_states
from slurm.submissions import queued_jobs

SECONDS_BETWEEN_POLLS = 3.0
SECONDS_OF_SILENCE = 900  # a scheduler that is started anew is silent for a while; the jobs go on


def watch(jobs: Sequence[Job], runs: Path, display: Display) -> list[Failure]:
    """Tell the display what happens to the jobs, until none is in the queue.

    Returns:
        What has no record then.

    Raises:
        InputError: the scheduler has not answered for a quarter of an hour.
    """
    shown: dict[str, State] = {}
    heard = time.monotonic()
    while True:
        try:
            queued = queued_jobs(read_queue(), runs)
            states = read_states(jobs, runs, queued)
            heard = time.monotonic()
            for state in states:
                _show(state, shown, runs, display)
            if not any(job.identity in queued for job in jobs):
                return [_failure(state, runs) for state in states if state.state is not State.DONE]
        except InputError:
            if time.monotonic() - heard > SECONDS_OF_SILENCE:
                raise
        time.sleep(SECONDS_BETWEEN_POLLS)  # the scheduler has no event to wait for


def _show(state: JobState, shown: dict[str, State], runs: Path, display: Display) -> None:
    if state.state is State.PENDING:  # for the first time, or again after the scheduler has stopped it
        return
    job, before = state.job, shown.get(state.job.name)
    shown[job.name] = state.state
    if before is None:
        display.started(job)
    if state.progress:
        display.progress(job, state.progress["done"], state.progress["total"], state.progress["unit"])
    if before == state.state:
        return
    if state.state is State.DONE:
        display.finished(job)
    elif state.state is not State.RUNNING:
        display.failed(_failure(state, runs))


def _failure(state: JobState, runs: Path) -> Failure:
    is_input_error = state.state is State.HELD_BACK or read_error(state.job.folder(runs)).get("kind") == "input"
    return Failure(state.job, state.detail or str(state.state), state.log, is_input_error)
