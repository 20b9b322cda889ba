"""What every command is told: the profile, and which of its jobs. Imports nothing that takes time: help is at once."""

import argparse
from pathlib import Path
from typing import NoReturn

from core.cores import usable_cores
from core.errors import InputError


class ProfileParser(argparse.ArgumentParser):
    """Which profile; answers a mistake with one sentence, as everything else does."""

    def __init__(self, command: str, description: str | None, epilog: str | None = None) -> None:
        super().__init__(f"run_all.py {command}".strip(), allow_abbrev=False, description=description, epilog=epilog)
        self.add_argument("--profile", default="mini", help="name, or path of a YAML file (default: %(default)s)")
        self.add_argument("--site", type=Path, metavar="FILE", help="YAML file with this cluster's folders and limits")
        self.add_argument(
            "--set",
            dest="overrides",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="change a value of the profile",
        )
        self.add_argument("--runs", type=Path, default=Path("runs"), help="where everything is written (default: runs)")

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


class CommandParser(ProfileParser):
    """Which profile, and which of its jobs."""

    def __init__(self, command: str, description: str | None, epilog: str | None = None) -> None:
        super().__init__(command, description, epilog)
        self.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods of the profile")
        self.add_argument("--seeds", nargs="+", type=int, metavar="N", help="these pretraining seeds")
        self.add_argument(
            "--only",
            nargs="+",
            metavar="KIND",
            help="only jobs of these kinds (such as lowshot-voc07, or lowshot for all of them) and what they need",
        )


def add_run_options(parser: ProfileParser) -> None:
    """Let a command that runs jobs be told how many side by side, or none at all."""
    parser.add_argument("--dry-run", action="store_true", help="print the plan, touch nothing")
    parser.add_argument(
        "--code",
        choices=("new",),
        help="let jobs that are half done or queued with other code go on with this checkout's",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=usable_cores(),
        metavar="N",
        help="processes side by side on this machine (default: %(default)s)",
    )


def positive(text: str) -> int:
    """An option's value as a number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number from 1")
    return int(text)
