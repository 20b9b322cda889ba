"""The plan that is written down: what is asked for now, and what was measured before and would be the same."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from commands.requirements import lacking_data
from commands.selection import Selection
from core.declarations import Table
from core.errors import InputError
from execution.jobs import Job
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import validated
from profiles.schema import Profile
from results.plan import PLAN_FILE, Plan


class PlanToWrite(NamedTuple):
    """A plan.

    Attributes:
        jobs: with which it is measured.
        profile: its values, with the seeds and methods of those jobs.
        tables: what there is to show.
        possible: method, pretraining set and evaluation of all that the profile could measure.
        lacking: data that are not there, by the names of the jobs that are not done for want of them.
    """

    jobs: list[Job]
    profile: dict[str, Any]
    tables: list[Table]
    possible: list[tuple[str, str, str]]
    lacking: Mapping[str, Sequence[str]]


def write_plan_of(selection: Selection) -> None:
    """Write it into the profile's folder."""
    plan = plan_to_write(selection)
    write_plan(plan.jobs, plan.profile, plan.tables, selection.runs, selection.described, plan.possible, plan.lacking)


def plan_to_write(selection: Selection) -> PlanToWrite:
    """What is asked for, and what was measured before.

    To ask for less never hides what was measured. The plan has the jobs that are asked for, and of all others that the
    profile has, those with a record, also one that cannot be used; its seeds and methods are then those of the plan
    that is there too. What was measured with other values has another identity, so that it is none of the profile's
    jobs, and gives way.
    """
    earlier = _plan_in(selection)
    wider = selection.profile if earlier is None else _widened(selection.profile, earlier)
    asked = {job.identity for job in selection.planned}
    every = jobs_of(wider)
    jobs = [job for job in every if job.identity in asked or _has_record(job, selection)]
    lacking = lacking_data([job for job in jobs if not _has_record(job, selection)])
    return PlanToWrite(jobs, _with_what_is_in(jobs, wider), wider.tables, _figures_of(every), lacking)


def _figures_of(jobs: list[Job]) -> list[tuple[str, str, str]]:
    tags = (job.tags for job in jobs if "evaluation" in job.tags)
    return list(dict.fromkeys((it["method"], it["set"], it["evaluation"]) for it in tags))


def _has_record(job: Job, selection: Selection) -> bool:
    found = job.found(selection.runs)
    return found.record is not None or found.problem is not None


def _plan_in(selection: Selection) -> Plan | None:
    """The plan that is there; None where there is none, or none that can be read: it is written anew."""
    try:
        return Plan.model_validate_json((selection.runs / PLAN_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _widened(profile: Profile, earlier: Plan) -> Profile:
    """The profile with an earlier plan's seeds and methods beside its own; as it is where it cannot have them."""
    values = profile.model_dump(mode="json")
    seeds, methods = earlier.profile.get("seeds"), earlier.profile.get("methods")
    if not isinstance(seeds, list) or not isinstance(methods, dict):
        return profile
    values["seeds"] += [seed for seed in seeds if seed not in values["seeds"]]
    values["methods"] |= {name: method for name, method in methods.items() if name not in values["methods"]}
    try:
        return validated(values, PLAN_FILE)
    except InputError:
        return profile


def _with_what_is_in(jobs: list[Job], profile: Profile) -> dict[str, Any]:
    values = profile.model_dump(mode="json")
    methods = {job.tags["method"] for job in jobs if "method" in job.tags}
    pretrained = profile.pretrained
    seeds = {int(job.tags["seed"]) for job in jobs if job.tags.get("method") in pretrained}
    values["methods"] = {name: method for name, method in values["methods"].items() if name in methods}
    values["seeds"] = [seed for seed in values["seeds"] if seed in seeds] or values["seeds"]
    return values
