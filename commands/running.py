"""From a selection of jobs to their results on this machine: what can run, running it, and what is said at the end."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from commands.other_code import jobs_of_other_code, require_decision
from commands.plan_to_write import write_plan_of
from commands.requirements import jobs_blocked_by, missing_requirements, on_the_cpu, require
from commands.selection import Selection
from core.files import exclusive_lock
from execution.display import TerminalDisplay
from execution.jobs import JobsByState, jobs_by_state
from execution.local import Failure, LocalExecutor, visible_gpus
from results.writing import write_results


def runnable(selection: Selection, here: bool, partial: bool) -> Selection:
    """The selection as it can run; ``partial`` leaves out, and says so, what cannot.

    Raises:
        InputError: something is missing, and that was not allowed.
    """
    gpus = len(visible_gpus()) if here else None
    selected = on_the_cpu(selection.selected) if gpus == 0 else selection.selected
    to_do = jobs_by_state(selected, selection.runs).to_do
    lacks = missing_requirements(to_do, selection.profile, gpus)
    lost = jobs_blocked_by(lacks, to_do) if partial else set()
    if not partial:
        require(lacks)
    as_asked = set(selection.selected)
    on_cpu = sum(not job.resources.gpus and job not in as_asked and job.name not in lost for job in to_do)
    if on_cpu:
        print(f"This machine has no GPU: {on_cpu} jobs run on its CPU.")
    for what, jobs in lacks.items():
        print(f"Left out, with what needs them: {', '.join(dict.fromkeys(job.kind for job in jobs))}, as {what}.")
    return replace(selection, selected=[job for job in selected if job.name not in lost])


def run_here(selection: Selection, parallel: int, may_change_code: bool) -> int:
    """Run what is not done, so many processes side by side, and print the tables; gives the exit status.

    Raises:
        InputError: a job is half done with other code, and was not allowed to go on with this.
    """
    with exclusive_lock(selection.runs):
        begun = begin(selection, may_change_code)
        with TerminalDisplay(len(begun.to_do)) as display:
            failures = LocalExecutor(selection.runs, parallel, display).run(selection.selected)
        return end(failures, selection.runs)


def begin(selection: Selection, may_change_code: bool, queued: Mapping[str, str] = MappingProxyType({})) -> JobsByState:
    """Write the plan; gives its jobs by their state.

    Args:
        selection: of jobs.
        may_change_code: whether those that are half done or queued with other code may go on with this.
        queued: the code of those in the queue, by identity.

    Raises:
        InputError: there are such jobs, and they may not.
    """
    runs, selected = selection.runs, selection.selected
    found = jobs_by_state(selected, runs)
    if not may_change_code:
        require_decision(jobs_of_other_code(found.to_do, runs, queued), runs)
    write_plan_of(selection)
    held_back = f", {len(found.held_back)} held back" if found.held_back else ""
    done = f"{len(selected)} jobs, {len(found.done)} of them done{held_back}"
    print(f"Profile {selection.profile.name}: {done}, in {runs}")
    return found


def end(failures: Sequence[Failure], runs: Path) -> int:
    """Write and print the results, and name what failed; gives the exit status."""
    try:
        print("\n" + write_results(runs))
    finally:  # what the jobs have said is told also where the tables cannot be written
        status = status_after(failures)
    return status


def status_after(failures: Sequence[Failure]) -> int:
    """Name what failed; gives the exit status."""
    for failure in failures:
        log = f" [{failure.log}]" if failure.log else ""
        print(f"error: {failure.job.name}: {failure.reason}{log}", file=sys.stderr)
    if any(failure.is_input_error for failure in failures):
        return 2
    return 1 if failures else 0
