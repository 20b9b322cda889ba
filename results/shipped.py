"""The shipped result: differences over many worlds, beside which a run of few worlds is set.

A run of fewer worlds than a verdict needs says only whether it agrees with that result: whether its mean lies where a
mean of so many worlds from the same source would, at 5% over all that is shown.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from core.declarations import Table, columns_of
from core.errors import InputError
from core.files import write_text
from results.claims import WORLDS_FOR_A_VERDICT
from results.plan import Results
from results.schema import Amount, first_fault
from results.statistics import Summary, students_t
from results.tested import tested, worlds_of

SHIPPED_FILE = Path(__file__).with_name("shipped.json")
CONFIDENCE = 0.95
WITHOUT_EFFECT = (  # keys of a profile that change no figure
    ("name",),
    ("seeds",),
    ("compares_with",),
    ("tolerance",),
    ("throughput",),
    ("slurm",),
    ("data", "titles"),
    ("claims", "margin"),
    ("claims", "steps"),
)
WITHOUT_EFFECT_ANYWHERE = {
    "runtime",
    "workers",
    "untrained_seeds",
    "title",
    "published",
}  # keys that change none wherever they are


class Difference(BaseModel):
    """A shipped difference: mean and sample standard deviation over worlds, and their number."""

    model_config = ConfigDict(extra="forbid")

    mean: FiniteFloat
    deviation: Amount
    worlds: int = Field(ge=WORLDS_FOR_A_VERDICT)

    def interval(self, level: float) -> tuple[float, float]:
        """At the level at which ours is tested."""
        return Summary(self.mean, self.deviation, self.worlds).interval(1 - level)


class Shipped(BaseModel):
    """The content of ``shipped.json``.

    Attributes:
        commits: of the code that the records name.
        worlds: the seeds that drew them.
        digest: of everything in the profile that determines figures.
        differences: by what they are of, such as ``webvision: detection, mopro against ce``.
    """

    model_config = ConfigDict(extra="forbid")

    commits: list[str]
    worlds: list[int]
    digest: str
    differences: dict[str, Difference]


def read_shipped(results: Results) -> Shipped | None:
    """The shipped result, if there is one and it is of this profile.

    Raises:
        InputError: the file is damaged.
    """
    try:
        shipped = Shipped.model_validate_json(SHIPPED_FILE.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise InputError(f"{SHIPPED_FILE} is damaged ({first_fault(error)}): restore it, or remove it.") from None
    return shipped if shipped.digest == digest_of(results.profile, results.tables) else None


def ship(results: Results) -> str:
    """Write ``shipped.json`` from the records of a reproduction of many worlds; gives a sentence about it.

    Raises:
        InputError: they can't be shipped: nothing is claimed, a figure is missing, there are too few worlds, or the
            code isn't known.
    """
    name = results.profile["name"]
    measured: dict[str, Summary] = {}
    for line in tested(results):
        if line.comparison.difference is None:
            raise InputError(f"Profile {name} has nothing measured for {line.key}: run all of it before it is shipped.")
        measured[line.key] = line.comparison.difference
    worlds = min((difference.n for difference in measured.values()), default=0)
    if worlds < WORLDS_FOR_A_VERDICT:
        raise InputError(
            f"Profile {name} has claims of {worlds} worlds, and {WORLDS_FOR_A_VERDICT} are needed to ship them: run "
            "more seeds."
        )
    shipped = Shipped(
        commits=commits_of(results),
        worlds=[int(world) for world in worlds_of(results)],
        digest=digest_of(results.profile, results.tables),
        differences={
            key: Difference(mean=it.mean, deviation=it.deviation or 0.0, worlds=it.n) for key, it in measured.items()
        },
    )
    write_text(SHIPPED_FILE, shipped.model_dump_json(indent=1) + "\n")
    return f"{len(measured)} differences over {worlds} worlds or more: {SHIPPED_FILE}"


def commits_of(results: Results) -> list[str]:
    """Of the code that the records name, sorted.

    Raises:
        InputError: a record is of code that no commit names.
    """
    code = [code for record in results.records.values() for code in record.code]
    if any(it.commit is None or it.differs is not False for it in code):
        raise InputError(
            f"Some records of profile {results.profile['name']} are of code that no commit names: run it anew from a "
            "clean checkout."
        )
    return sorted({str(it.commit) for it in code})


def agrees(ours: Summary, shipped: Difference, shown: int) -> bool:
    """Whether a mean of few worlds lies where one from the same source does.

    Args:
        ours: of the few worlds; its own deviation does not count.
        shipped: of the many.
        shown: how many such comparisons are made, for Bonferroni's correction.
    """
    bound = students_t(shipped.worlds - 1, 1 - (1 - CONFIDENCE) / shown) * shipped.deviation
    return abs(ours.mean - shipped.mean) <= bound * math.sqrt(1 / ours.n + 1 / shipped.worlds)


def digest_of(profile: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """Of all values of a profile that determine the differences that it claims.

    Seeds, costs and the like are left out, and so are methods that no claim compares, evaluations that no table shows,
    and users' evaluations that no claim is about. Of resources, what changes arithmetic counts: processes, each of
    which has its own statistics of BatchNorm, and threads.
    """
    values = _without(profile, WITHOUT_EFFECT)
    values["resources"] = {
        kind: {key: resources.get(key) for key in ("tasks", "cpus")}
        for kind, resources in profile.get("resources", {}).items()
    }
    claims = values.get("claims") or {}
    compared = {claims.get("better"), *claims.get("baselines", ())}
    compared.update(name for pair in claims.get("comparisons", ()) for name in pair.values())
    values["methods"] = {name: it for name, it in values.get("methods", {}).items() if name in compared}
    claimed = {figure for figures in claims.get("primary", {}).values() for figure in figures}
    evaluated = values.get("evaluate", {})
    values["evaluate"] = {key: it for key, it in evaluated.items() if _counts(key, it, tables, claimed)}
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _counts(key: str, section: Any, tables: Sequence[Table], claimed: Set[str]) -> bool:
    """Whether a part of what is evaluated determines claimed figures, or figures that may be claimed."""
    if not isinstance(section, Mapping):
        return True
    shown = columns_of(table for table in tables if key in table.sections)
    return bool(shown.keys() & claimed) if "spec" in section else bool(shown)


def _without(values: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """The values without those at some places, and those that change no figure wherever they are."""
    ended = {key for key, *rest in keys if not rest} | WITHOUT_EFFECT_ANYWHERE
    deeper = {key: [tuple(rest) for first, *rest in keys if first == key and rest] for key in values}
    return {
        key: _without(value, deeper[key]) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if key not in ended
    }
