"""Shows a running plan on the terminal: a bar for every running job, a line for every one that ended."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from execution.jobs import Job
from execution.local import Failure


class _Console(Console):
    """Leaves it to the command what happens when nobody reads its output any more."""

    def on_broken_pipe(self) -> None:
        raise


class TerminalDisplay:
    """Bars on a terminal, plain lines elsewhere; a context manager.

    Args:
        jobs: how many jobs are to run.
    """

    def __init__(self, jobs: int) -> None:
        self._console = _Console(soft_wrap=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._of_job: dict[str, TaskID] = {}
        self._started_at: dict[str, float] = {}
        self._jobs = jobs
        self._ended = 0

    def __enter__(self) -> "TerminalDisplay":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def started(self, job: Job) -> None:
        """Add a bar."""
        self._started_at[job.name] = time.monotonic()
        self._of_job[job.name] = self._bars.add_task(job.name, total=None, unit="")

    def progress(self, job: Job, done: int, total: int, unit: str) -> None:
        """Move the job's bar."""
        self._bars.update(self._of_job[job.name], completed=done, total=total, unit=unit)

    def finished(self, job: Job) -> None:
        """Turn the job's bar into a line."""
        self._end(job, "done")

    def failed(self, failure: Failure) -> None:
        """Turn the job's bar into a line with the reason."""
        self._end(failure.job, f"FAILED: {failure.reason}")

    def _end(self, job: Job, outcome: str) -> None:
        self._ended += 1
        self._bars.remove_task(self._of_job[job.name])
        seconds = time.monotonic() - self._started_at[job.name]
        self._console.print(f"[{self._ended}/{self._jobs}] {job.name} ({seconds:.0f} s) {outcome}", markup=False)
