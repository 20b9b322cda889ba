"""Runs a plan on this machine: several jobs side by side, each in processes of its own."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Protocol

from core.errors import InputError
from core.files import write_json
from core.instructions import require_processor, variables_of
from core.processes import end_with_parent, free_port, ignoring_interrupts, kill_children
from core.workspace import read_progress
from execution.frozen import REPOSITORY, Snapshot, freeze
from execution.jobs import Job, jobs_by_state
from execution.task import EXIT_UNWRITABLE, LOG_FILE, Task, forget_last_attempt, read_error
from results.plan import ERROR_FILE

SECONDS_BETWEEN_POLLS = 0.2
LONGEST_SOCKET_FOLDER = 66  # bytes; macOS allows for 103, Linux for 107; names and a folder between take 37 at most
LIKELY_CAUSES = {
    signal.SIGKILL: ": the system probably had no memory left; let fewer jobs run side by side (--jobs), or use a "
    "machine with more",
    signal.SIGBUS: ": shared memory (/dev/shm) or the disk is probably full; make room there",
}


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


class LocalExecutor:
    """Runs jobs in processes of their own, several side by side.

    Of the jobs that could start, those with the longest time limit do, so that no long one runs alone at the end.

    Args:
        runs: the folder that job folders lie in.
        parallel: limit on processes; a job with more tasks than that runs alone. Every job has its GPUs to itself.
        display: told about every start, progress and end.
    """

    def __init__(self, runs: Path, parallel: int, display: Display) -> None:
        self.runs = runs
        self.parallel = parallel
        self.display = display
        self._context = multiprocessing.get_context("forkserver")
        self._free_gpus = visible_gpus()
        self._waiting: list[Job] = []
        self._running: list[_Running] = []
        self._done: set[str] = set()
        self._failures: dict[str, Failure] = {}

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Run the jobs that are to do; when one fails, those that need it are not started, and the rest goes on.

        Args:
            jobs: topologically sorted, needs first.

        Returns:
            What failed or could not be started, empty if all is done.

        Raises:
            InputError: a job needs more GPUs than the machine has; the folder for temporary files has too long a name,
                or the one for the jobs a name that is no text.
        """
        _require_text(self.runs)
        found = jobs_by_state(jobs, self.runs)
        self._waiting, self._done = list(found.to_do), {job.name for job in found.done}
        self._failures = {job.name: Failure(job, reason, None, True) for job, reason in found.held_back}
        for job in self._waiting:
            if job.resources.all_gpus > len(self._free_gpus):
                raise InputError(
                    f"{job.name} needs {job.resources.all_gpus} GPUs, this machine has {len(self._free_gpus)}: "
                    "change tasks or gpus of the profile's resources."
                )
        if not self._waiting:
            return list(self._failures.values())
        _prepare_fork_server(self._context, self._waiting)
        snapshot = freeze(self.runs, self._waiting)
        try:
            while self._waiting or self._running:
                self._start_what_is_ready(snapshot)
                sentinels = [process.sentinel for run in self._running for process in run.processes]
                multiprocessing.connection.wait(sentinels, timeout=SECONDS_BETWEEN_POLLS)
                self._collect_what_has_ended()
        finally:
            kill_children()  # also one that was started right before an interruption
        return list(self._failures.values())

    def _start_what_is_ready(self, snapshot: Snapshot) -> None:
        for job in sorted(self._waiting, key=lambda job: job.resources.hours, reverse=True):
            failed = [need.name for need in job.needs.values() if need.name in self._failures]
            if failed:
                self._failures[job.name] = Failure(job, f"needs {failed[0]}, which failed", None)
            elif all(need.name in self._done for need in job.needs.values()) and self._has_room_for(job):
                gpus = [self._free_gpus.pop() for _ in range(job.resources.all_gpus)]
                self._running.append(_Running.start(job, snapshot, self._context, gpus))
                self.display.started(job)
            else:
                continue
            self._waiting.remove(job)

    def _has_room_for(self, job: Job) -> bool:
        busy = sum(len(run.processes) for run in self._running)
        enough_processes = not busy or busy + job.resources.tasks <= self.parallel
        return enough_processes and job.resources.all_gpus <= len(self._free_gpus)

    def _collect_what_has_ended(self) -> None:
        for run in list(self._running):
            run.show_progress(self.display)
            if not run.has_ended():
                continue
            self._running.remove(run)
            self._free_gpus += run.gpus
            failure = run.failure()
            if failure is None:
                self._done.add(run.job.name)
                self.display.finished(run.job)
            else:
                self._failures[run.job.name] = failure
                self.display.failed(failure)


@dataclass
class _Running:
    """A job at work."""

    job: Job
    runs: Path
    gpus: list[str]
    processes: list[ForkServerProcess]
    status: int = 0  # exit status of the process that failed first

    @classmethod
    def start(
        cls, job: Job, snapshot: Snapshot, context: multiprocessing.context.ForkServerContext, gpus: list[str]
    ) -> "_Running":
        runs = snapshot.runs
        forget_last_attempt(job.folder(runs))
        tasks = job.resources.tasks
        port = free_port() if tasks > 1 else 0
        task = Task(job, runs, snapshot=snapshot)
        processes = [
            context.Process(target=_work, args=(task, rank, port, gpus), name=f"{job.name} rank {rank}")
            for rank in range(tasks)
        ]
        try:
            with ignoring_interrupts(), _importing_from(snapshot.folder):
                for process in processes:
                    process.start()
        except (ConnectionError, EOFError):
            raise InputError(
                "The process from which jobs are started was ended, probably because the system had no memory left: "
                "give the same command again, and let fewer jobs run side by side (--jobs)."
            ) from None
        return cls(job, runs, gpus, processes)

    def has_ended(self) -> bool:
        """Whether all ranks have; when one fails, the others, which would wait for it, are killed."""
        failed = [process.exitcode for process in self.processes if process.exitcode]
        if failed and not self.status:
            self.status = failed[0]
            for process in self.processes:
                process.kill()
                process.join()
        return not any(process.is_alive() for process in self.processes)

    def failure(self) -> Failure | None:
        """Why there is no record, as the job says it or else as its end tells; the job's folder keeps it."""
        found = self.job.found(self.runs)
        if found.record is not None:
            return None
        if found.problem is not None:
            return Failure(self.job, found.problem, None, is_input_error=True)
        folder = self.job.folder(self.runs)
        error = read_error(folder)
        if not error:
            error = self._error_by_exit_status(folder)
            with suppress(OSError):  # the summary says it even if the folder cannot keep it
                write_json(folder / ERROR_FILE, error)
        return Failure(self.job, error["sentence"], folder / LOG_FILE, is_input_error=error["kind"] == "input")

    def _error_by_exit_status(self, folder: Path) -> dict[str, str]:
        if self.status == EXIT_UNWRITABLE:
            sentence = f"{folder} could not be written: make room there, or have it permitted"
            return {"kind": "input", "sentence": sentence}
        if self.status < 0:
            number = signal.Signals(-self.status)
            return {"kind": "failure", "sentence": f"ended by {number.name}{LIKELY_CAUSES.get(number, '')}"}
        return {"kind": "failure", "sentence": f"ended without a record, exit status {self.status}"}

    def show_progress(self, display: Display) -> None:
        progress = read_progress(self.job.folder(self.runs))
        if progress:
            display.progress(self.job, progress["done"], progress["total"], progress["unit"])


def _require_text(runs: Path) -> None:
    try:
        str(runs).encode()
    except UnicodeEncodeError:  # TensorBoard and mmdet would raise it within jobs
        raise InputError(
            f"The folder {runs} has bytes in its name that are no UTF-8 text, and not every library writes files "
            "there: name another one with --runs."
        ) from None


def _prepare_fork_server(context: multiprocessing.context.ForkServerContext, jobs: Sequence[Job]) -> None:
    """Let a server import the stages once, so that a job's process starts in milliseconds.

    What the libraries must find in their environment is set before; a plan's jobs all have the same instructions.

    Raises:
        InputError: the sockets by which it is spoken to would have too long names, or the processor lacks instructions.
    """
    place = tempfile.gettempdir()
    if len(os.fsencode(place)) > LONGEST_SOCKET_FOLDER:
        raise InputError(
            f"The folder for temporary files, {place}, has too long a name for sockets: set TMPDIR to one of at most "
            f"{LONGEST_SOCKET_FOLDER} bytes, such as /tmp."
        )
    for job in jobs:
        require_processor(job.instructions)  # before the server imports libraries that are held to them
        os.environ |= variables_of(job.instructions)
    shipped = {job.stage.code.split(":")[0] for job in jobs if job.stage.sha256 is None}
    context.set_forkserver_preload([__name__, *sorted(shipped)])


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let processes that are started in the block import the suite from a folder, and never from where it runs now.

    A new process takes over this one's search path, and runs the script that this one was started with once more; the
    server from which it is forked, which is itself started with the first, goes by its environment.
    """
    path, main = sys.path, sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    sys.path = [str(folder), *(place for place in path if place and Path(place).resolve() != REPOSITORY)]
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [before["PYTHONPATH"]])])
    os.environ["PYTHONSAFEPATH"] = "1"  # nothing from the folder that the command is given in
    try:
        yield
    finally:
        sys.path, sys.modules["__main__"] = path, main
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def visible_gpus() -> list[str]:
    """Identifiers of this machine's GPUs, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    devices = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return sorted(devices, key=int)


def _work(task: Task, rank: int, port: int, gpus: list[str]) -> None:
    """The body of a job's process."""
    end_with_parent()  # the job resumes when the command is given again
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(task.job.resources.tasks),
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    sys.exit(task())
