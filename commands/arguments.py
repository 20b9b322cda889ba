"""What every command is told: the profile, and which of its jobs."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
from slurm.jobs import Job, in_order


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


def positive(text: str) -> int:
    """An option's value as a number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number from 1")
    return int(text)


@dataclass(frozen=True)
class Selection:
    """A profile, its jobs, and those that were asked for.

    Attributes:
        profile: with the methods and seeds that were asked for.
        planned: all its jobs, what is needed first.
        selected: the jobs of the kinds that were asked for and all that they need, in order.
        asked: the same without what they need.
        runs: the profile's folder, where everything about it is written.
        described: the arguments that give the profile.
    """

    profile: Profile
    planned: list[Job]
    selected: list[Job]
    asked: list[Job]
    runs: Path
    described: list[str]


def selection_of(arguments: argparse.Namespace) -> Selection:
    """What the arguments of a :class:`CommandParser` select.

    Raises:
        InputError: the profile is not valid, or has no such method or kind of jobs.
    """
    profile = _restricted(load_profile(arguments.profile, arguments.overrides, arguments.site), arguments)
    planned = jobs_of(profile)
    asked = _of_kinds(planned, arguments.only)
    runs = arguments.runs.absolute() / profile.name
    return Selection(profile, planned, in_order(asked), asked, runs, _described(arguments))


def _described(arguments: argparse.Namespace) -> list[str]:
    site = ["--site", str(arguments.site)] if arguments.site else []
    return ["--profile", arguments.profile, *site, *(part for it in arguments.overrides for part in ("--set", it))]


def _restricted(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """The profile with the seeds and methods that were asked for."""
    changes: dict = {}
    if arguments.seeds:
        changes["seeds"] = tuple(arguments.seeds)
    if arguments.methods:
        unknown = [name for name in arguments.methods if name not in profile.methods]
        if unknown:
            raise InputError(f"--methods {unknown[0]}: the profile has {', '.join(profile.methods)}.")
        changes["methods"] = {name: profile.methods[name] for name in arguments.methods}
    return profile.model_copy(update=changes)


def _of_kinds(jobs: Sequence[Job], kinds: Sequence[str] | None) -> list[Job]:
    if not kinds:
        return list(jobs)
    known = list(dict.fromkeys(job.kind for job in jobs))
    meant: set[str] = set()
    for kind in kinds:
        found = [kind] if kind in known else [name for name in known if name.startswith(f"{kind}-")]
        if not found:
            raise InputError(f"--only {kind}: the profile has {', '.join(known)}.")
        meant.update(found)
    return [job for job in jobs if job.kind in meant]
