"""`run_all.py cancel`: takes jobs out of the cluster's queue, running ones too; they go on when submitted again."""

from collections.abc import Collection, Sequence

from commands.arguments import CommandParser
from commands.selection import Selection, selection_of
from core.files import exclusive_lock
from execution.jobs import Job
from slurm.scheduler import Scheduler
from slurm.submissions import queued_jobs


def main(arguments: Sequence[str]) -> int:
    """Cancel the queued jobs of the kinds that were asked for, and those that need them; gives the exit status."""
    selection = selection_of(CommandParser("cancel", __doc__).parse_args(arguments))
    scheduler = Scheduler(selection.profile.slurm.cluster)
    with exclusive_lock(selection.runs):
        queued = queued_jobs(scheduler.queue(), selection.runs)
        here = _to_cancel(selection, queued)
        # What needs others first: it would start once a waiting element of an array, which it needs, is gone.
        scheduler.cancel(queued[job.identity].id for job in reversed(here))
    for job in here:
        print(f"cancelled {job.name} ({queued[job.identity].id})")
    print(f"{len(here)} jobs cancelled.")
    return 0


def _to_cancel(selection: Selection, queued: Collection[str]) -> list[Job]:
    """Of the identities in the queue, the jobs that were asked for and those that need them, what is needed first."""
    asked = {job.name for job in selection.asked}
    found: dict[str, Job] = {}
    for job in selection.planned:
        if job.identity in queued and (job.name in asked or any(need.name in found for need in job.needs.values())):
            found[job.name] = job
    return list(found.values())
