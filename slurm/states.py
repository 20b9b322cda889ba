"""The state of every job, read from disk and from the scheduler, never remembered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.files import is_held
from core.workspace import read_progress
from execution.jobs import Job, jobs_by_state
from execution.task import INTERRUPTED, LOG_FILE, read_error
from slurm.scheduler import Entry, Scheduler
from slurm.submissions import FOLDER, last_ids

SAID_BY_SCRIPT = "error: "  # what a job's script says, before there is a process that could note it
# Of the scheduler in a job's log. A step, other than a job, is also cancelled when one of its processes fails.
LAST_WORDS = re.compile(r"\*\*\* JOB \S+ ON \S+ CANCELLED AT \S+(?: DUE TO ([A-Z ]+))? \*\*\*|oom[-_]kill")
CAUSES = {"TIME LIMIT": "TIMEOUT", "PREEMPTION": "PREEMPTED", "NODE FAILURE": "NODE_FAIL", "JOB REQUEUE": ""}
HINTS = {"OUT_OF_MEMORY": "OUT_OF_MEMORY: raise memory in the resources of the profile or site file"}


class State(StrEnum):
    """What became of a job."""

    DONE = "done"
    RUNNING = "running"
    PENDING = "pending"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    HELD_BACK = "held back"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class JobState:
    """A job and what became of it.

    Attributes:
        job: which one.
        state: what became of it.
        detail: its last step and rate, the scheduler's reason to let it wait, the last line of its error, what is wrong
            with its record.
        log: where more is written, if anything is.
        id: the scheduler's, if it has one.
        progress: as it was last reported, of a running job.
    """

    job: Job
    state: State
    detail: str = ""
    log: Path | None = None
    id: str | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)


def read_states(jobs: Sequence[Job], runs: Path, queued: Mapping[str, Entry], scheduler: Scheduler) -> list[JobState]:
    """The state of each job.

    Args:
        jobs: topologically sorted, needs first; whatever else they need is done.
        runs: the folder that job folders lie in.
        queued: jobs in the scheduler's queue by identity, read before this call; empty where there is no scheduler.
        scheduler: is asked how jobs ended, if it is there.
    """
    ids = last_ids(runs)
    found = jobs_by_state(jobs, runs)
    done = {job.name for job in found.done}
    held_back = dict(found.held_back)
    open_jobs = [job for job in jobs if job.name not in done]
    ended = scheduler.ended_states([ids[job.identity] for job in open_jobs if job.identity in ids])
    states: dict[str, JobState] = {}
    for job in jobs:
        identity = ids.get(job.identity)
        if job.name in done:
            states[job.name] = JobState(job, State.DONE)
        elif job.identity in queued and not queued[job.identity].is_active:
            entry = queued[job.identity]
            states[job.name] = JobState(job, State.PENDING, entry.reason, None, entry.id)
        elif job.identity in queued or is_held(job.folder(runs)):
            states[job.name] = _running(job, runs, identity)
        elif job in held_back:
            states[job.name] = JobState(job, State.HELD_BACK, held_back[job])
        else:
            how = ended.get(identity or "") or _said_by_scheduler(runs, identity)
            states[job.name] = _at_rest(job, runs, identity, how, states)
    return list(states.values())


def _running(job: Job, runs: Path, identity: str | None) -> JobState:
    progress = read_progress(job.folder(runs))
    detail = ""
    if progress:
        rate, unit = progress["per_second"], progress["unit"]
        detail = f"{progress['done']} of {progress['total']} {unit}" + (f", {rate:.3g} a second" if rate else "")
    return JobState(job, State.RUNNING, detail, _log(job, runs, identity), identity, progress)


def _at_rest(job: Job, runs: Path, identity: str | None, ended: str, states: Mapping[str, JobState]) -> JobState:
    """Of a job without record that nobody works on."""
    log, error = _log(job, runs, identity), read_error(job.folder(runs))
    lost = [
        f"needs {need.name}, which is {states[need.name].state}"
        for need in job.needs.values()
        if need.name in states and _is_lost(states[need.name])
    ]
    has_begun = log is not None or bool(error)
    if not has_begun and identity is None:
        return JobState(job, State.NOT_STARTED, next(iter(lost), ""))
    if ended == "CANCELLED" or not has_begun:  # without accounting: it left the queue before it began
        return JobState(job, State.CANCELLED, next(iter(lost), ""), log, identity)
    if error.get("kind") == INTERRUPTED:
        return JobState(job, State.INTERRUPTED, error["sentence"], log, identity)
    if not error and (identity is None or ended == "PREEMPTED"):  # on this machine, a job that fails notes how
        return JobState(job, State.INTERRUPTED, "goes on when the command is given again", log, identity)
    if said := _said_by_script(runs, identity):
        return JobState(job, State.FAILED, said, _log_of_scheduler(runs, identity), identity)
    hint = HINTS.get(ended, ended) or "ended without a record"
    return JobState(job, State.FAILED, error.get("sentence", hint), log, identity)


def _said_by_scheduler(runs: Path, identity: str | None) -> str:
    """How a job ended, of which the scheduler knows nothing any more, by what it wrote into the job's log."""
    log = _log_of_scheduler(runs, identity)
    text = log.read_text(errors="replace") if log.exists() else ""
    *_, last = [None, *LAST_WORDS.finditer(text)]
    if last is None:
        return ""
    if "oom" in last[0]:
        return "OUT_OF_MEMORY"
    return CAUSES.get(last[1] or "", "CANCELLED")


def _said_by_script(runs: Path, identity: str | None) -> str | None:
    """The sentence that a job's script has ended with, if it has."""
    log = _log_of_scheduler(runs, identity)
    last = log.read_text(errors="replace").splitlines()[-1:] if log.exists() else []
    return last[0].removeprefix(SAID_BY_SCRIPT) if last and last[0].startswith(SAID_BY_SCRIPT) else None


def _is_lost(state: JobState) -> bool:
    """Whether it will not come to an end by itself."""
    has_ended = state.state in (State.FAILED, State.CANCELLED, State.HELD_BACK)
    return has_ended or (state.state is State.NOT_STARTED and bool(state.detail))


def _log(job: Job, runs: Path, identity: str | None) -> Path | None:
    """The job's own log, or the scheduler's where the job did not come to write one."""
    candidates = [job.folder(runs) / LOG_FILE, _log_of_scheduler(runs, identity)]
    return next((path for path in candidates if path.exists()), None)


def _log_of_scheduler(runs: Path, identity: str | None) -> Path:
    return runs / FOLDER / f"{identity}_0_log.err"
