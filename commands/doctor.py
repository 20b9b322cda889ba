"""`run_all.py doctor`: asks the cluster of a site, by short jobs, whether the profile's jobs will run there."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from commands.arguments import CommandParser, positive

if TYPE_CHECKING:  # help waits for none of it
    from commands.selection import Selection
    from slurm.doctor import Kind

MINUTES = 10


def main(arguments: Sequence[str]) -> int:
    """Print a line for each question; gives the exit status: 0 if all is well, 1 otherwise."""
    parser = CommandParser(
        "doctor", __doc__, "Each job ends within a minute of its start, and leaves its log in the folder of runs."
    )
    parser.add_argument(
        "--minutes",
        type=positive,
        default=MINUTES,
        metavar="N",
        help="how long to wait for each job (default: %(default)s)",
    )
    given = parser.parse_args(arguments)

    from core.extras import require_extra

    require_extra("slurm", "run_all.py doctor")
    from commands.selection import selection_of
    from slurm.cluster import SlurmExecutor
    from slurm.doctor import examine

    selection = selection_of(given)
    executor = SlurmExecutor(selection.runs, selection.profile.slurm)
    faults = 0
    for answer in examine(executor, list(_kinds(selection)), 60 * given.minutes, selection.selected):
        faults += answer.is_fault
        print(f"{'FAULT' if answer.is_fault else 'ok   '} {answer.about}: {answer.text}", flush=True)
    print(f"{faults or 'No'} fault{'s' * (faults != 1)}.")
    return 1 if faults else 0


def _kinds(selection: "Selection") -> Iterator["Kind"]:
    """The kinds of resources of the selected jobs, each with all that its jobs read from outside."""
    from profiles.schema import StageResources
    from slurm.doctor import Kind

    throughput = selection.profile.throughput
    for name in StageResources.model_fields:
        resources = getattr(selection.profile.resources, name)
        jobs = [job for job in selection.selected if job.resources is resources]
        if not jobs:
            continue
        built = [job for job in jobs if "data" in job.needs]  # their relative folders are a miniature's
        sources = {
            source.key: source.path
            for job in jobs
            for source in job.reads
            if source.path.startswith("/") or job not in built
        }
        gpus = resources.all_gpus // resources.nodes
        images = throughput.training * gpus if throughput and gpus and name == "pretrain" else None
        yield Kind(f"resources.{name}", resources, sources, images)
