"""`run_all.py status`: what became of every job, on one screen."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from commands.arguments import CommandParser
from commands.selection import selection_of
from slurm.scheduler import Scheduler
from slurm.states import JobState, State, read_states
from slurm.submissions import queued_jobs, was_ever_submitted


def main(arguments: Sequence[str]) -> int:
    """Print the states; gives the exit status: 0 if all is done, 1 otherwise."""
    parser = CommandParser("status", __doc__)
    parser.add_argument("--json", action="store_true", help="for programs: a list of jobs with all that is known")
    given = parser.parse_args(arguments)
    selection = selection_of(given)
    scheduler = Scheduler(selection.profile.slurm.cluster)
    queue = scheduler.queue_if_there() if was_ever_submitted(selection.runs) else []
    queued = queued_jobs(queue, selection.runs)  # before the records: what ends in between is done
    states = read_states(selection.selected, selection.runs, queued, scheduler)
    print(json.dumps([_as_json(state) for state in states], indent=2) if given.json else _as_text(states))
    return 0 if all(state.state is State.DONE for state in states) else 1


def _as_json(state: JobState) -> dict[str, Any]:
    return {
        "job": state.job.name,
        "identity": state.job.identity,
        "state": state.state,
        "detail": state.detail,
        "log": None if state.log is None else str(state.log),
        "id": state.id,
    }


def _as_text(states: Sequence[JobState]) -> str:
    """What is done as a number, everything else line by line."""
    from tabulate import tabulate

    counts = Counter(state.state for state in states)
    summary = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    rows = [
        {
            "job": state.job.name,
            "state": state.state,
            "id": state.id,
            "detail": state.detail + (f" [{state.log}]" if state.log and state.state is State.FAILED else ""),
        }
        for state in states
        if state.state is not State.DONE
    ]
    lines = [tabulate(rows, headers="keys", disable_numparse=True)] if rows else []
    return "\n".join([*lines, f"{len(states)} jobs: {summary}."])
