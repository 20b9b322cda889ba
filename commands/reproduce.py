"""Reproduces MoPro (ICLR 2021): plans a profile's jobs, runs what is not done, prints the tables."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import CommandParser, positive
from core.cores import usable_cores
from core.files import held_alone

if TYPE_CHECKING:  # help waits for none of it
    from commands.selection import Selection
    from slurm.jobs import Job, Standing
    from slurm.local import Failure


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is done (or submitted), 1 if a job failed, 2 if an input cannot be used."""
    given = _parser().parse_args(arguments)

    from commands.selection import selection_of

    selection = selection_of(given)
    if given.partial or not given.dry_run:
        selection = _runnable(selection, given.cluster == "local", given.partial)
    if given.dry_run:
        from commands.plan import print_plan

        print_plan(selection)
        return 0
    if given.cluster == "slurm":
        return _submit(selection, given.wait)
    return _run_here(selection, given.jobs)


def _parser() -> CommandParser:
    parser = CommandParser(
        "",
        __doc__,
        "Run the same command again to go on after an interruption: finished jobs stay. Further commands: "
        "run_all.py status, cancel, verify; each has its own --help.",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, touch nothing")
    parser.add_argument(
        "--jobs",
        type=positive,
        default=usable_cores(),
        metavar="N",
        help="processes side by side on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--cluster", choices=("local", "slurm"), default="local", help="where to run (default: %(default)s)"
    )
    parser.add_argument(
        "--partial", action="store_true", help="leave out the jobs whose data, packages or GPUs are missing"
    )
    parser.add_argument("--wait", action="store_true", help="with --cluster slurm: stay until all jobs have ended")
    return parser


def _runnable(selection: "Selection", here: bool, partial: bool) -> "Selection":
    """The selection as it can run; ``partial`` leaves out, and says so, what cannot.

    Raises:
        InputError: something is missing, and that was not allowed.
    """
    from dataclasses import replace

    from commands.requirements import lacks_of, lost_with, on_the_cpu, require
    from slurm.jobs import standing
    from slurm.local import visible_gpus

    gpus = len(visible_gpus()) if here else None
    selected = on_the_cpu(selection.selected) if gpus == 0 else selection.selected
    to_do = standing(selected, selection.runs).to_do
    lacks = lacks_of(to_do, selection.profile, gpus)
    lost = lost_with(lacks, to_do) if partial else set()
    if not partial:
        require(lacks)
    on_cpu = sum(not job.resources.gpus and job not in selection.selected and job.name not in lost for job in to_do)
    if on_cpu:
        print(f"This machine has no GPU: {on_cpu} jobs run on its CPU.")
    for what, jobs in lacks.items():
        print(f"Left out, with what needs them: {', '.join(dict.fromkeys(job.kind for job in jobs))}, as {what}.")
    return replace(selection, selected=[job for job in selected if job.name not in lost])


def _run_here(selection: "Selection", parallel: int) -> int:
    from slurm.display import TerminalDisplay
    from slurm.local import LocalExecutor

    with held_alone(selection.runs):
        begun = _begin(selection)
        with TerminalDisplay(len(begun.to_do)) as display:
            failures = LocalExecutor(selection.runs, parallel, display).run(selection.selected)
        return _end(failures, selection.runs)


def _submit(selection: "Selection", wait: bool) -> int:
    from slurm.cluster import SlurmExecutor
    from slurm.display import TerminalDisplay
    from slurm.local import Failure
    from slurm.watching import watch

    with held_alone(selection.runs):
        begun = _begin(selection)
        ids = SlurmExecutor(selection.runs, selection.profile.slurm).submit(begun.to_do)
    _print_queued(begun.to_do, ids)
    held_back = [Failure(job, reason, None, is_input_error=True) for job, reason in begun.held_back]
    if not wait:
        print("Follow them with run_all.py status; the last job writes the tables.")
        return _status_after(held_back)
    with TerminalDisplay(len(begun.to_do)) as display:
        failures = watch(begun.to_do, selection.runs, display)
    return _end([*held_back, *failures], selection.runs)


def _begin(selection: "Selection") -> "Standing":
    """Write the plan down; gives where its jobs stand."""
    from commands.plan_to_write import plan_to_write
    from slurm.jobs import standing
    from slurm.plan import write_plan

    runs, selected = selection.runs, selection.selected
    write_plan(*plan_to_write(selection), runs, selection.described)
    found = standing(selected, runs)
    held_back = f", {len(found.held_back)} held back" if found.held_back else ""
    done = f"{len(selected)} jobs, {len(found.done)} of them done{held_back}"
    print(f"Profile {selection.profile.name}: {done}, in {runs}")
    return found


def _print_queued(jobs: "Sequence[Job]", ids: dict[str, str]) -> None:
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


def _end(failures: "Sequence[Failure]", runs: Path) -> int:
    from results.writing import write_results

    try:
        print("\n" + write_results(runs))
    finally:  # what the jobs have said is told also where the tables cannot be written
        status = _status_after(failures)
    return status


def _status_after(failures: "Sequence[Failure]") -> int:
    """Name what failed; gives the exit status."""
    for failure in failures:
        log = f" [{failure.log}]" if failure.log else ""
        print(f"error: {failure.job.name}: {failure.reason}{log}", file=sys.stderr)
    if any(failure.is_input_error for failure in failures):
        return 2
    return 1 if failures else 0
