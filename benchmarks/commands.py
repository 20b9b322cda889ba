"""How long commands take from the shell, process start included.

``python -m benchmarks.commands`` prints the table. There is no reference here: the limits are what a user waits for
without noticing.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from benchmarks.inputs import write_reproduction
from benchmarks.measuring import seconds, spread
from core.exit_status import exit_status_of
from profiles.load import load_profile

RECORDS = 10_000  # about
ROUNDS = 7
REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Gives the exit status."""
    with tempfile.TemporaryDirectory() as runs, tempfile.TemporaryDirectory() as many:
        mini = load_profile("mini")
        jobs = write_reproduction(mini, Path(runs) / "mini")
        each = jobs // len(mini.seeds)
        records = write_reproduction(
            mini.model_copy(update={"seeds": tuple(range(RECORDS // each))}), Path(many) / "mini"
        )
        measured = [
            ("run_all.py --help", 0.5, python("run_all.py", "--help")),
            ("run_all.py --dry-run", 0.5, python("run_all.py", "--dry-run", "--runs", runs)),
            ("run_all.py status", 0.5, python("run_all.py", "status", "--runs", runs)),
            (f"run_all.py, all {jobs} jobs done", 2, python("run_all.py", "--runs", runs)),
            (f"python -m results tables, {records:,} records", 1, python("-m", "results", "tables", f"{many}/mini")),
        ]
        rows = [_row(what, goal, run) for what, goal, run in measured]
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


def python(*arguments: str) -> Callable[[], object]:
    """A call of Python from the repository's root."""
    line = [sys.executable, *arguments]
    return lambda: subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)


def _row(what: str, goal: float, run: Callable[[], object]) -> dict[str, object]:
    """Several calls after a first one that is not counted."""
    run()
    times = [seconds(run) for _ in range(ROUNDS)]
    median = f"{statistics.median(times):.2f}"
    return {"command": what, "seconds": median, "lowest to highest": spread(times, 2), "goal (s)": goal}


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
