"""Follows submitted jobs until all have ended, for a command that waits, and submits what the scheduler left."""

import time
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from core.files import exclusive_lock
from execution.jobs import Job
from execution.local import Display, Failure
from execution.task import read_error
from slurm.cluster import SlurmExecutor, Submitted
from slurm.scheduler import NoAnswerError
from slurm.states import JobState, State, read_states
from slurm.submissions import queued_jobs

SECONDS_BETWEEN_POLLS = 3.0
SECONDS_BETWEEN_SUBMISSIONS = 30.0  # where other jobs of the user fill the queue
PATIENCE = 60.0  # seconds for another command, such as one that cancels, to end
SECONDS_OF_SILENCE = 900  # a scheduler that is started anew is silent for a while; the jobs go on


def watch(jobs: Sequence[Job], executor: SlurmExecutor, submitted: Submitted, display: Display) -> list[Failure]:
    """Tell the display what happens to the jobs, until none is in the queue and none is left to submit.

    What a full queue has left is submitted once there is room. So is a job that was stopped with its state written and
    that the scheduler does not queue again, with what needs it, as often as a job may come to its time limit.

    Args:
        jobs: topologically sorted, needs first.
        executor: has submitted them.
        submitted: what it gave.
        display: is told.

    Returns:
        What has no record then.

    Raises:
        InputError: the scheduler has not answered for a quarter of an hour, or refuses a job.
    """
    runs, scheduler = executor.runs, executor.scheduler
    shown: dict[str, State] = {}
    times_resumed: Counter[str] = Counter()
    in_queue = set(submitted.ids)
    heard = time.monotonic()
    while True:
        try:
            queued = queued_jobs(scheduler.queue(), runs)
            states = read_states(jobs, runs, queued, scheduler)
            heard = time.monotonic()
            in_queue = {job.name for job in jobs if job.identity in queued}
            resumable = _resumable(states, in_queue, times_resumed, executor.config.timeouts)
            waiting = submitted.left | resumable
            for state in states:
                if state.job.name not in waiting:
                    _show(state, shown, runs, display)
            if waiting and (len(in_queue) < len(submitted.ids) or not in_queue):
                times_resumed.update(resumable)
                ended = {job.name for job in jobs} - in_queue - waiting
                with exclusive_lock(runs, PATIENCE):
                    submitted = executor.submit(jobs, ended)
                in_queue = set(submitted.ids)
            if not in_queue and not submitted.left:
                return [_failure(state, runs) for state in states if state.state is not State.DONE]
        except NoAnswerError:
            if time.monotonic() - heard > SECONDS_OF_SILENCE:
                raise
        # The scheduler has no event to wait for.
        time.sleep(SECONDS_BETWEEN_POLLS if in_queue else SECONDS_BETWEEN_SUBMISSIONS)


def _resumable(states: Sequence[JobState], in_queue: Set[str], times: Counter[str], limit: int) -> set[str]:
    """Names of the jobs that stopped with their state written, and of those that ended because they need one."""
    found: set[str] = set()
    for state in states:
        job = state.job
        needs_one = state.state is State.CANCELLED and any(need.name in found for need in job.needs.values())
        if (state.state is State.INTERRUPTED or needs_one) and job.name not in in_queue and times[job.name] <= limit:
            found.add(job.name)
    return found


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
