"""Reproduces MoPro (ICLR 2021): plans a profile's jobs, runs what is not done, prints the tables."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import CommandParser, positive
from core.files import held_alone

if TYPE_CHECKING:  # help waits for none of it
    from commands.selection import Selection
    from slurm.jobs import Job, Standing
    from slurm.local import Failure


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is done (or submitted), 1 if a job failed, 2 if an input cannot be used."""
    given = _parser().parse_args(arguments)

    from commands.data_folders import require_data
    from commands.selection import selection_of

    selection = selection_of(given)
    if given.dry_run:
        from commands.plan import print_plan

        print_plan(selection)
        return 0
    require_data(selection.profile)
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
        default=os.cpu_count(),
        metavar="N",
        help="processes side by side on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--cluster", choices=("local", "slurm"), default="local", help="where to run (default: %(default)s)"
    )
    parser.add_argument("--wait", action="store_true", help="with --cluster slurm: stay until all jobs have ended")
    return parser


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
    from slurm.jobs import standing
    from slurm.plan import write_plan

    runs, selected = selection.runs, selection.selected
    write_plan(selection.planned, selection.profile.model_dump(mode="json"), runs, selection.described)
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

    print("\n" + write_results(runs))
    return _status_after(failures)


def _status_after(failures: "Sequence[Failure]") -> int:
    """Name what failed; gives the exit status."""
    for failure in failures:
        log = f" [{failure.log}]" if failure.log else ""
        print(f"error: {failure.job.name}: {failure.reason}{log}", file=sys.stderr)
    if any(failure.is_input_error for failure in failures):
        return 2
    return 1 if failures else 0
