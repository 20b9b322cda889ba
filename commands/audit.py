"""Audits a reproduction, in a folder or in an archive of `python -m results pack`, as a reviewer would.

Every rule has a line: ok, breach with what is wrong, or what was not checked and why. Code of the user's is never run.
The exit status is 1 where a rule is broken.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from core.errors import InputError
from core.user_code import is_reference
from profiles.expand import jobs_of
from profiles.load import FOLDER, load_profile, validated
from results.audit.case import Expected, ExpectedJob, case_in
from results.audit.rules import audited
from results.unpack import unpacked

SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
COMPARED_WITH = {"paper": "paper", "webvision50": "webvision50"}  # by whose figures a profile's own stand beside


def main(arguments: Sequence[str]) -> int:
    """Print the answers; gives the exit status: 0, or 1 where a rule is broken.

    Raises:
        InputError: there is no reproduction there, or the archive is none of ours.
    """
    parser = _Parser("python -m results audit", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("place", type=Path, metavar="ARCHIVE|FOLDER", help="what to audit")
    parser.add_argument(
        "--recipe",
        choices=SHIPPED,
        metavar="NAME",
        help="the shipped profile whose constants it must have\n(default: the one of its name, or else the one whose "
        "published figures\nit is compared with)",
    )
    given = parser.parse_args(arguments)
    if given.place.is_dir():
        text, holds = audited(case_in(given.place, lambda profile: expected(profile, given.recipe)))
    else:
        with unpacked(given.place) as folder:
            text, holds = audited(case_in(folder, lambda profile: expected(profile, given.recipe)))
            text = text.replace(str(folder), str(given.place))
    print(text)
    return 0 if holds else 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


def expected(profile: Mapping[str, Any], asked: str | None = None) -> Expected:
    """What this code knows of a plan's profile; ``asked`` is the shipped one to compare it with."""
    recipe = asked or _recipe_of(profile)
    constants = {} if recipe is None else load_profile(recipe).model_dump(mode="json")
    without, own = _without_own_code(profile)
    try:
        jobs = _jobs(without)
    except InputError as error:
        return Expected(recipe, constants, None, f"this code cannot plan it ({error.sentence.rstrip('.')})", own)
    return Expected(recipe, constants, jobs, own=own)


def _recipe_of(profile: Mapping[str, Any]) -> str | None:
    if profile["name"] in SHIPPED:
        return profile["name"]
    return COMPARED_WITH.get(profile.get("published", "paper")) if profile["compares_with"] == "paper" else None


def _jobs(profile: dict[str, Any]) -> dict[str, ExpectedJob]:
    """The jobs that a profile gives.

    Raises:
        InputError: it is not valid.
    """
    jobs = jobs_of(validated(profile, "the profile"))
    return {
        job.name: ExpectedJob(job.identity, job.config, {role: it.name for role, it in job.needs.items()})
        for job in jobs
    }


def _without_own_code(profile: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The profile without claims and without what names code of the user's, and the keys of that.

    Claims name methods that a plan may lack, and give no jobs.
    """
    without, own = {**profile, "claims": None}, []
    for key in ("methods", "evaluate"):
        section = profile.get(key)
        if not isinstance(section, Mapping):
            continue
        own += [f"{key}.{name}" for name, entry in section.items() if _names_own_code(entry)]
        without[key] = {name: entry for name, entry in section.items() if f"{key}.{name}" not in own}
    return without, tuple(own)


def _names_own_code(entry: object) -> bool:
    return isinstance(entry, Mapping) and any(is_reference(value) for value in entry.values())
