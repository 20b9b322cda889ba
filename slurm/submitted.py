"""What submitit carries to a cluster: the one class that runs in the processes of a SLURM job."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import submitit

from core import interruption
from execution.task import EXIT_FAILED, EXIT_INTERRUPTED, INTERRUPTED, Task, forget_last_attempt, report
from results.writing import write_results

REQUEUE = signal.Signals[f"SIG{submitit.JobEnvironment.USR_SIG}"]
SECONDS_UNTIL_KILLED = 600
NOT_QUEUED_AGAIN = (
    "SLURM does not queue the job again, whose state is written: it goes on when the command is given again, which "
    "--wait does by itself."
)


class SubmittedTask:
    """Runs a task in every process of a SLURM job, and lets the job go on later when the scheduler stops it.

    submitit would requeue in the middle of a step, on rank 0 alone. Here the request is noted, the stage leaves at a
    step boundary on all ranks, and only then submitit's own handler queues the job again.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def __call__(self) -> None:
        """Run, and end with the task's exit status, on which the jobs that need this one depend."""
        queue_again = signal.getsignal(REQUEUE)
        interruption.install_handlers([REQUEUE, signal.SIGTERM])
        place = submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        if place.rank == 0 and "SLURM_RESTART_COUNT" in os.environ:
            forget_last_attempt(self.task.folder)
        status = self.task()
        if status == EXIT_INTERRUPTED:
            status = self._wait_to_be_killed(queue_again if place.rank == 0 else None)
        for number in (REQUEUE, signal.SIGTERM):  # Python lets go of its handlers before the process has ended
            signal.signal(number, signal.SIG_IGN)
        sys.exit(status)

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What is to be called when the job runs again: the same, as everything else lies on disk."""
        return submitit.helpers.DelayedSubmission(self)

    def _wait_to_be_killed(self, queue_again: object) -> int:
        """Queue again if the scheduler asked for that, and keep the processes together until it ends them.

        A job that is preempted gets SIGTERM too, and is queued again by the scheduler once it has killed it; one that
        is cancelled gets SIGTERM alone, and stays away. One that the scheduler does not queue again says so, and ends.
        """
        end = time.monotonic() + SECONDS_UNTIL_KILLED
        while time.monotonic() < end:
            if REQUEUE in interruption.received() and callable(queue_again):
                try:
                    queue_again(REQUEUE, None)
                except subprocess.CalledProcessError:
                    return report(self.task.folder, INTERRUPTED, NOT_QUEUED_AGAIN, EXIT_FAILED)
            time.sleep(0.1)  # the signal may be noted between a look and a pause, so a pause would miss it
        return EXIT_FAILED


class SubmittedTables:
    """Writes the tables once all else has ended.

    Args:
        runs: the folder of the profile.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def __call__(self) -> None:
        """Write whatever there is by now."""
        print(write_results(self.runs))
