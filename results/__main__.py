"""``python -m results``: write and print the tables of a reproduction from its records alone."""

import argparse
import sys
from pathlib import Path

from core.errors import InputError
from results.plan import read_results
from results.writing import write_tables


def main() -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m results", description=__doc__)
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=Path("runs/mini"),
        help="folder of a profile's runs (default: %(default)s)",
    )
    arguments = parser.parse_args()
    try:
        print(write_tables(read_results(arguments.runs), arguments.runs))
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
