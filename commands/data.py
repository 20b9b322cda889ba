"""`run_all.py data list`: the way from an empty disk to a profile's data."""

import importlib
from collections.abc import Sequence

from core.errors import InputError

ACTIONS = ("list",)


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status of the action that the first argument names.

    Raises:
        InputError: there is no such action, or it cannot be done.
    """
    if not arguments or arguments[0] not in ACTIONS:
        raise InputError(f"run_all.py data: expected {' or '.join(ACTIONS)} behind it, as in run_all.py data list.")
    return importlib.import_module(f"commands.data_{arguments[0]}").main(arguments[1:])
