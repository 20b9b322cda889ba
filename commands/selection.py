"""What a command is about: a profile, its jobs, and those of them that were asked for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
from slurm.jobs import Job, in_order


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
    """What the arguments of a :class:`commands.arguments.CommandParser` select.

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
