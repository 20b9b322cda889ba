#!/usr/bin/env python
"""The one command: reproduces MoPro (ICLR 2021), says how far that has come, or takes it out of a cluster's queue."""

import sys
from collections.abc import Sequence

from commands import cancel, reproduce, status
from core.errors import InputError

COMMANDS = {"status": status.main, "cancel": cancel.main}


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is well, 1 if something is not done, 2 if something given cannot be used."""
    first, *others = arguments or [""]
    try:
        return COMMANDS[first](others) if first in COMMANDS else reproduce.main(arguments)
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
