"""`run_all.py cancel`: takes jobs out of the cluster's queue, running ones too; they go on when submitted again."""

from collections.abc import Sequence

from commands.arguments import CommandParser
from commands.selection import selection_of
from core.files import exclusive_lock
from slurm.scheduler import Scheduler
from slurm.submissions import queued_jobs


def main(arguments: Sequence[str]) -> int:
    """Cancel the queued jobs of the kinds that were asked for; gives the exit status."""
    selection = selection_of(CommandParser("cancel", __doc__).parse_args(arguments))
    scheduler = Scheduler(selection.profile.slurm.cluster)
    with exclusive_lock(selection.runs):
        queued = queued_jobs(scheduler.queue(), selection.runs)
        here = [job for job in selection.asked if job.identity in queued]
        scheduler.cancel(queued[job.identity].id for job in here)
    for job in here:
        print(f"cancelled {job.name} ({queued[job.identity].id})")
    print(f"{len(here)} jobs cancelled; the scheduler ends those that need them.")
    return 0
