#!/usr/bin/env python
"""The one command: reproduces MoPro (ICLR 2021), says how far that is, takes it out of a queue, checks the data."""

import importlib
import sys
from collections.abc import Sequence

from core.errors import InputError

COMMANDS = ("status", "cancel", "verify")


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is well, 1 if something is not done, 2 if something given cannot be used."""
    name, others = (arguments[0], arguments[1:]) if arguments and arguments[0] in COMMANDS else ("reproduce", arguments)
    try:
        command = importlib.import_module(f"commands.{name}")  # alone: one waits for no other's imports
        return command.main(others)
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
