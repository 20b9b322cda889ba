"""Reproduces MoPro (ICLR 2021): plans a profile's jobs, runs what is not done, prints the tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from commands.arguments import CommandParser, add_run_options
from core.files import exclusive_lock

if TYPE_CHECKING:  # help waits for none of it
    from commands.selection import Selection
    from execution.jobs import Job
    from slurm.cluster import Submitted


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is done (or submitted), 1 if a job failed, 2 if an input cannot be used."""
    given = _parser().parse_args(arguments)

    from commands.selection import selection_of

    selection = selection_of(given)
    if selection.left_out:
        from commands.verified_copies import require_verified_copies

        require_verified_copies(selection)
    if given.partial or not given.dry_run:
        from commands.running import runnable

        selection = runnable(selection, given.cluster == "local", given.partial)
    if given.dry_run:
        from commands.plan import print_plan

        print_plan(selection)
        return 0
    if given.cluster == "slurm":
        return _submit(selection, given.wait, given.code is not None)
    from commands.running import run_here

    return run_here(selection, given.jobs, given.code is not None)


def _parser() -> CommandParser:
    parser = CommandParser(
        "",
        __doc__,
        "Run the same command again to go on after an interruption: finished jobs stay. Further commands: "
        "run_all.py evaluate, status, cancel, verify, data list, data fetch, data prepare, export and doctor; each has "
        "its own --help.",
    )
    add_run_options(parser)
    parser.add_argument(
        "--cluster", choices=("local", "slurm"), default="local", help="where to run (default: %(default)s)"
    )
    parser.add_argument(
        "--partial", action="store_true", help="leave out the jobs whose data, packages or GPUs are missing"
    )
    parser.add_argument("--wait", action="store_true", help="with --cluster slurm: stay until all jobs have ended")
    return parser


def _submit(selection: "Selection", wait: bool, may_change_code: bool) -> int:
    from core.extras import require_extra

    require_extra("slurm", "--cluster slurm")
    from commands.running import begin, end, status_after
    from execution.display import TerminalDisplay
    from execution.local import Failure
    from slurm.cluster import SlurmExecutor
    from slurm.submissions import code_of_queued
    from slurm.watching import watch

    with exclusive_lock(selection.runs):
        executor = SlurmExecutor(selection.runs, selection.profile.slurm)
        queued = code_of_queued(executor.scheduler.queue(), selection.runs)
        begun = begin(selection, may_change_code, queued)
        submitted = executor.submit(begun.to_do)
    _print_queued([job for job in begun.to_do if job.name in submitted.ids], submitted.ids)
    held_back = [Failure(job, reason, None, is_input_error=True) for job, reason in begun.held_back]
    if not wait:
        print("Follow them with run_all.py status; the last job writes the tables.")
        return _status_after_submission(submitted, status_after(held_back))
    with TerminalDisplay(len(begun.to_do)) as display:
        failures = watch(begun.to_do, executor, submitted, display)
    return end([*held_back, *failures], selection.runs)


def _status_after_submission(submitted: "Submitted", status: int) -> int:
    """Say what the scheduler has not taken, if anything; gives the exit status."""
    if not submitted.why:
        return status
    if not submitted.left:
        print(f"{submitted.why} No job writes the tables: python -m results does, when all have ended.")
        return status
    print(
        f"{submitted.why} {len(submitted.left)} jobs are left: give the same command again when others have ended, or "
        "with --wait, which does so by itself."
    )
    return status or 1


def _print_queued(jobs: "Sequence[Job]", ids: "Mapping[str, str]") -> None:
    from tabulate import tabulate

    rows = [
        {
            "job": job.name,
            "id": ids[job.name],
            "after": ", ".join(ids[need.name] for need in job.needs.values() if need.name in ids),
            "nodes": job.resources.nodes,
            "tasks": job.resources.tasks,
            "GPUs": job.resources.all_gpus,
            "hours": job.resources.hours,
        }
        for job in jobs
    ]
    if rows:
        print(tabulate(rows, headers="keys", disable_numparse=True))
