"""Runs a plan on this machine: several jobs side by side, each in processes of its own."""

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from core.errors import InputError
from core.workspace import PROGRESS_FILE
from slurm.jobs import Job
from slurm.task import ERROR_FILE, EXIT_INPUT_ERROR, LOG_FILE, REPOSITORY, Task

SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Failure:
    """A job that did not finish.

    Attributes:
        job: which one.
        reason: one sentence.
        log: its log, or None where it was never started.
        is_input_error: whether the user's input is at fault.
    """

    job: Job
    reason: str
    log: Path | None
    is_input_error: bool = False


class Display(Protocol):
    """Shows what happens."""

    def started(self, job: Job) -> None: ...

    def progress(self, job: Job, done: int, total: int, unit: str) -> None: ...

    def finished(self, job: Job) -> None: ...

    def failed(self, failure: Failure) -> None: ...


def run_jobs(jobs: Sequence[Job], runs: Path, parallel: int, display: Display) -> list[Failure]:
    """Run the jobs that are not done, at most ``parallel`` processes at once, what is needed first.

    When a job fails, those that need it are not started; the rest goes on.

    Args:
        jobs: in an order in which nothing stands before what it needs.
        runs: the folder that job folders lie in.
        parallel: limit on processes; a job with more tasks than that runs alone. Every job has its GPUs to itself.
        display: told about every start, progress and end.

    Returns:
        What failed or could not be started, empty if all is done.

    Raises:
        InputError: a job needs more GPUs than the machine has.
    """
    waiting = [job for job in jobs if job.record(runs) is None]
    done = {job.name for job in jobs} - {job.name for job in waiting}
    running: list[_Running] = []
    failures: dict[str, Failure] = {}
    context = _fork_server(waiting)
    free_gpus = _visible_gpus()
    for job in waiting:
        if job.resources.all_gpus > len(free_gpus):
            raise InputError(
                f"{job.name} needs {job.resources.all_gpus} GPUs, this machine has {len(free_gpus)}: "
                "change tasks or gpus of the profile's resources."
            )
    try:
        while waiting or running:
            for job in list(waiting):
                missing = [need for need in job.needs.values() if need.name in failures]
                busy = sum(len(other.processes) for other in running)
                if missing:
                    failures[job.name] = Failure(job, f"needs {missing[0].name}, which failed", None)
                elif all(need.name in done for need in job.needs.values()) and (
                    (not running or busy + job.resources.tasks <= parallel) and job.resources.all_gpus <= len(free_gpus)
                ):
                    gpus = [free_gpus.pop() for _ in range(job.resources.all_gpus)]
                    running.append(_Running.start(job, runs, context, gpus))
                    display.started(job)
                else:
                    continue
                waiting.remove(job)
            sentinels = [process.sentinel for run in running for process in run.processes if process.is_alive()]
            multiprocessing.connection.wait(sentinels, timeout=SECONDS_BETWEEN_LOOKS)
            for run in list(running):
                run.show_progress(display)
                if not run.has_ended():
                    continue
                running.remove(run)
                free_gpus += run.gpus
                failure = run.failure()
                if failure is None:
                    done.add(run.job.name)
                    display.finished(run.job)
                else:
                    failures[run.job.name] = failure
                    display.failed(failure)
    finally:
        for run in running:
            run.kill()
    return list(failures.values())


@dataclass
class _Running:
    """A job at work."""

    job: Job
    runs: Path
    gpus: list[str]
    processes: list[ForkServerProcess]

    @classmethod
    def start(
        cls, job: Job, runs: Path, context: multiprocessing.context.ForkServerContext, gpus: list[str]
    ) -> "_Running":
        folder = job.folder(runs)
        for name in (PROGRESS_FILE, ERROR_FILE):
            (folder / name).unlink(missing_ok=True)
        tasks = job.resources.tasks
        port = _free_port() if tasks > 1 else 0
        processes = [
            context.Process(target=_work, args=(Task(job, runs), rank, port, gpus), name=f"{job.name} rank {rank}")
            for rank in range(tasks)
        ]
        for process in processes:
            process.start()
        return cls(job, runs, gpus, processes)

    def has_ended(self) -> bool:
        """Whether all ranks have; when one fails, the others, which would wait for it, are killed."""
        if any(process.exitcode for process in self.processes):
            self.kill()
        return not any(process.is_alive() for process in self.processes)

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    def failure(self) -> Failure | None:
        if self.job.record(self.runs) is not None:
            return None
        folder = self.job.folder(self.runs)
        statuses = [process.exitcode or 0 for process in self.processes]
        try:
            reason = json.loads((folder / ERROR_FILE).read_text())["sentence"]
        except FileNotFoundError:
            signals = [signal.Signals(-status).name for status in statuses if status < 0]
            reason = f"ended by {signals[0]}" if signals else f"ended without a record, exit status {max(statuses)}"
        return Failure(self.job, reason, folder / LOG_FILE, is_input_error=EXIT_INPUT_ERROR in statuses)

    def show_progress(self, display: Display) -> None:
        try:
            progress = json.loads((self.job.folder(self.runs) / PROGRESS_FILE).read_text())
        except FileNotFoundError:
            return
        display.progress(self.job, progress["done"], progress["total"], progress["unit"])


def _fork_server(jobs: Sequence[Job]) -> multiprocessing.context.ForkServerContext:
    """A server that has imported the stages once, so that a job's process starts in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    context.set_forkserver_preload(["slurm.task", *sorted({job.stage.split(":")[0] for job in jobs})])
    return context


def _visible_gpus() -> list[str]:
    """Identifiers of this machine's GPUs, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    devices = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return sorted(devices, key=int)


def _work(task: Task, rank: int, port: int, gpus: list[str]) -> None:
    """The body of a job's process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(task.job.resources.tasks),
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    sys.exit(task())


def _end_with_parent() -> None:
    """A job does not outlive the command that started it; it resumes when the command is given again."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
