"""What a command is about: a profile, its jobs, and those of them that were asked for."""

import argparse
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from execution.jobs import Job, topologically_sorted
from profiles.data_at_hand import AtHand, profile_at_hand
from profiles.expand import jobs_of
from profiles.schema import Profile


@dataclass(frozen=True)
class Selection:
    """A profile, its jobs, and those that were asked for.

    Attributes:
        profile: with the seeds that were asked for beside its own.
        planned: its jobs of the methods and seeds that were asked for, what is needed first.
        selected: of those, the jobs of the kinds that were asked for and all that they need, in order.
        asked: the same without what they need.
        runs: the profile's folder, where everything about it is written.
        described: the arguments that give the profile.
        at_hand: its data sets that were looked for below ``data.root``.
    """

    profile: Profile
    planned: list[Job]
    selected: list[Job]
    asked: list[Job]
    runs: Path
    described: list[str]
    at_hand: list[AtHand]


def selection_of(arguments: argparse.Namespace) -> Selection:
    """What the arguments of a :class:`commands.arguments.CommandParser` select.

    Methods and seeds choose among jobs and change none: the one run of a release has its draws from the profile's first
    seed, whatever seeds were asked for.

    Raises:
        InputError: the profile is not valid, or has no such method, seed or kind of jobs.
    """
    seeds, methods = arguments.seeds or (), arguments.methods or ()
    twice = next((seed for seed in seeds if list(seeds).count(seed) > 1), None)
    if twice is not None:
        raise InputError(f"--seeds names {twice} twice: name each seed once.")
    profile, at_hand = profile_at_hand(arguments.profile, arguments.overrides, arguments.site, seeds)
    jobs = jobs_of(profile)
    known = list(dict.fromkeys(job.tags["method"] for job in jobs if "method" in job.tags))
    unknown = [name for name in methods if name not in known]
    if unknown:
        raise InputError(f"--methods {unknown[0]}: the profile has {', '.join(known)}.")
    pretrained = profile.pretrained
    of_these = [job for job in jobs if _is_of(job, pretrained, methods, frozenset(seeds))]
    wanted = {job.name for job in topologically_sorted(of_these)}
    planned = [job for job in jobs if job.name in wanted]
    asked = of_kinds(planned, arguments.only)
    runs = arguments.runs.absolute() / profile.name
    return Selection(profile, planned, topologically_sorted(asked), asked, runs, _described(arguments), at_hand)


def _described(arguments: argparse.Namespace) -> list[str]:
    site = ["--site", str(arguments.site)] if arguments.site else []
    return ["--profile", arguments.profile, *site, *(part for it in arguments.overrides for part in ("--set", it))]


def _is_of(job: Job, pretrained: Collection[str], methods: Collection[str], seeds: Set[int]) -> bool:
    """Whether it is of these methods and pretraining seeds (none means all); what makes data is of no method."""
    method = job.tags.get("method")
    if method is None:
        return False
    of_seeds = not seeds or method not in pretrained or int(job.tags["seed"]) in seeds
    return of_seeds and (not methods or method in methods)


def of_kinds(jobs: Sequence[Job], kinds: Sequence[str] | None) -> list[Job]:
    """Those of some kinds; all where none are named.

    Raises:
        InputError: there is no such kind among the jobs.
    """
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
