#!/usr/bin/env python
"""The one command: reproduces MoPro (ICLR 2021), evaluates a checkpoint, tells, cancels, checks, exports, examines."""

import importlib
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from core.exit_status import exit_status_of

COMMANDS = ("evaluate", "status", "cancel", "verify", "export", "data", "doctor")


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is well, 1 if something is not done; the others are :mod:`core.exit_status`'s."""
    return exit_status_of(lambda: _command(arguments), [_runs(arguments)])


def _command(arguments: Sequence[str]) -> int:
    name, others = (arguments[0], arguments[1:]) if arguments and arguments[0] in COMMANDS else ("reproduce", arguments)
    command = importlib.import_module(f"commands.{name}")  # alone: one waits for no other's imports
    return command.main(others)


def _runs(arguments: Sequence[str]) -> Path:
    """The folder that the arguments name for all that is written, without judging them."""
    named = [value for option, value in pairwise(arguments) if option == "--runs"]
    named += [argument.removeprefix("--runs=") for argument in arguments if argument.startswith("--runs=")]
    return Path(named[-1] if named else "runs")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
