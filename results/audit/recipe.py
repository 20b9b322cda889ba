"""Whether the plan has the constants of the shipped profile, and the records those of the plan."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from results.audit.case import Case, Expected, ExpectedJob, Verdict, alike
from results.plan import PlannedJob, Results
from results.schema import Record

WITHOUT_EFFECT = {"name", "seeds", "throughput", "slurm"}  # keys of a profile that are no part of its recipe
WITHOUT_EFFECT_ANYWHERE = {"runtime", "workers", "untrained_seeds"}
OF_RESOURCES = "tasks"  # the one key that is: each process has statistics of BatchNorm of its own
LONGEST = 200  # characters of a value in a sentence
ANY = "*"
PARTS = (  # what a reproduction may leave out, or have beside what ships, without another recipe for the rest
    ("methods", ANY),
    ("data", ANY),
    ("data", ANY, ANY),
    ("evaluate", ANY),
    ("evaluate", ANY, "subsets", ANY),
    ("evaluate", ANY, "schedules", ANY),
    ("claims",),
)
Key = tuple[str, ...]


class Constant(NamedTuple):
    """A value that is not the expected one; None where there is none."""

    key: Key
    found: Any
    wanted: Any

    def said_with(self, whose: str) -> str:
        """``pretrain.schedule.learning_rate is 0.2, and 0.1 in profiles/paper.yaml``."""
        return f"{'.'.join(self.key)} is {_shown(self.found)}, and {_shown(self.wanted)} {whose}"

    @property
    def is_part(self) -> bool:
        """Whether a whole part is there on one side alone."""
        is_alone = self.found is None or self.wanted is None
        return is_alone and any(_fits(self.key, part) for part in PARTS)

    @property
    def is_place(self) -> bool:
        """Whether it says where something lies, which is each machine's own."""
        return isinstance(self.wanted, str) and self.wanted.startswith("/") and isinstance(self.found, str)


def recipe(case: Case, results: Results) -> Verdict:
    """Every constant of the plan is that of the shipped profile, and every record's is what the plan gives."""
    verdict = Verdict()
    _of_plan(case.expected, results, verdict)
    _of_records(case.expected, results, verdict)
    return verdict


def _of_plan(expected: Expected, results: Results, verdict: Verdict) -> None:
    if expected.recipe is None:
        name = results.profile["name"]
        verdict.unchecked.append(
            f"the profile {name}, which is none that ships (--recipe compares it with one that is)"
        )
        return
    file = f"profiles/{expected.recipe}.yaml"
    differing = [it for it in differences(results.profile, expected.constants) if not it.is_place]
    left_out = [".".join(it.key) for it in differing if it.is_part and it.found is None]
    added = [".".join(it.key) for it in differing if it.is_part and it.wanted is None]
    verdict.breaches += [f"{it.said_with(f'in {file}')}." for it in differing if not it.is_part]
    verdict.found = f"that of {file}"
    verdict.unchecked += [f"what {file} has and this plan has not: {', '.join(left_out)}"] if left_out else []
    verdict.unchecked += [f"what {file} has not: {', '.join(added)}"] if added else []


def _of_records(expected: Expected, results: Results, verdict: Verdict) -> None:
    if expected.jobs is None:
        verdict.unchecked.append(f"whether records have the constants of the plan, as {expected.unread}")
        return
    differing: dict[tuple[str, str], list[PlannedJob]] = {}
    unknown, others = [], []
    for job, record in results.done:
        wanted = expected.jobs.get(job.name)
        if wanted is None or (wanted.seed is not None and str(wanted.seed) != job.tags.get("seed")):
            unknown.append(job)  # of a release, whose draws have the first of the seeds that were once asked for
            continue
        found = _of_record(record, wanted)
        for constant in found:
            sentence = constant.said_with("by the plan's profile")
            differing.setdefault((job.kind, sentence), []).append(job)
        if not found and job.identity != wanted.identity:
            others.append(job)
    verdict.breaches += [f"In {alike(jobs)}, {sentence}." for (_, sentence), jobs in differing.items()]
    if unknown:
        whose = f" ({', '.join(expected.own)})" if expected.own else ""
        verdict.unchecked.append(f"{len(unknown)} jobs that this code does not plan{whose}, such as {unknown[0].name}")
    _of_identities(others, expected, results, verdict)
    verdict.found += (
        f"{', ' if verdict.found else ''}{len(results.done) - len(unknown)} records have the constants of the plan"
    )


def _of_identities(others: list[PlannedJob], expected: Expected, results: Results, verdict: Verdict) -> None:
    """Jobs whose configuration is the plan's, but whose identity is not: another version's, or not theirs."""
    wrong = {job.name for job in others}
    origins = [job for job in others if not any(name in wrong for name in job.needs.values())]
    if not origins:
        return
    if any(
        job.identity == wanted.identity
        for name, wanted in (expected.jobs or {}).items()
        if (job := results.planned.get(name))
    ):
        verdict.breaches += [f"The identity of {job.name} is not that of its configuration." for job in origins]
    else:
        verdict.unchecked.append("the identities of jobs, which are those of another version of the suite")


def _of_record(record: Record, wanted: ExpectedJob) -> list[Constant]:
    """Constants that differ; seeds have a rule of their own."""
    constants = {key: value for key, value in json.loads(json.dumps(wanted.config)).items() if key != "seed"}
    return list(_differences({key: record.config.get(key) for key in constants}, constants))


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Constant]:
    """What differs in the constants of two resolved profiles."""
    return [it for it in _differences(found, wanted) if not _has_no_effect(it.key)]


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any], above: Key = ()) -> Iterator[Constant]:
    for name in dict.fromkeys([*wanted, *found]):
        one, other = found.get(name), wanted.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, (*above, name))
        elif one != other:
            yield Constant((*above, name), one, other)


def _has_no_effect(key: Key) -> bool:
    if key[0] == "resources":
        return key[-1] != OF_RESOURCES
    return key[0] in WITHOUT_EFFECT or not WITHOUT_EFFECT_ANYWHERE.isdisjoint(key)


def _fits(key: Key, pattern: Key) -> bool:
    return len(key) == len(pattern) and all(of in (ANY, name) for name, of in zip(key, pattern, strict=True))


def _shown(value: Any) -> str:
    text = "not there" if value is None else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
