"""What rules look at, and what they answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InputError
from results.plan import PLAN_FILE, PlannedJob, Results, read_results


@dataclass(frozen=True)
class ExpectedJob:
    """A job that a profile gives.

    Attributes:
        identity: hash of all that determines its result.
        config: of its configuration, what enters the identity.
        needs: names of the jobs it needs, by role.
        seed: as the configuration has it; None where it has none.
    """

    identity: str
    config: Mapping[str, Any]
    needs: Mapping[str, str]

    @property
    def seed(self) -> object:
        """As the configuration has it; None where it has none."""
        return self.config.get("seed")


@dataclass(frozen=True)
class Expected:
    """What the code at hand knows of the profile of a plan; plain data, as rules know no profiles.

    Attributes:
        recipe: name of the shipped profile that the plan's has to agree with; None where there is none.
        constants: that profile's values.
        jobs: those that the plan's own profile gives, by name; None where the profile cannot be read.
        unread: why it cannot.
        own: keys of the profile that name code of the user's, which an audit does not run; ``jobs`` lacks what is
            computed with it.
    """

    recipe: str | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    jobs: Mapping[str, ExpectedJob] | None = None
    unread: str = ""
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A reproduction that is audited.

    Attributes:
        folder: of the profile's runs.
        results: its plan and records; None where the plan cannot be used.
        problem: why it cannot.
        expected: of the plan's profile.
    """

    folder: Path
    results: Results | None
    problem: str = ""
    expected: Expected = field(default_factory=Expected)


@dataclass
class Verdict:
    """The answer of a rule.

    Attributes:
        found: what was looked at and is well, in a few words; empty where nothing was.
        breaches: a sentence for each.
        unchecked: a sentence for everything that the rule is about and did not look at.
    """

    found: str = ""
    breaches: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """Something that has to hold.

    Attributes:
        name: one word.
        question: that a reviewer asks.
        check: gives the answer for a plan and its records.
    """

    name: str
    question: str
    check: Callable[[Case, Results], Verdict]


def case_in(folder: Path, expected: Callable[[Mapping[str, Any]], Expected]) -> Case:
    """The reproduction in a folder; ``expected`` says what is known of its plan's profile.

    Raises:
        InputError: there is no plan in the folder.
    """
    try:
        results = read_results(folder)
    except InputError as error:
        if not (folder / PLAN_FILE).is_file():
            raise
        return Case(folder, None, error.sentence)
    return Case(folder, results, expected=expected(results.profile))


def alike(jobs: list[PlannedJob]) -> str:
    """Some jobs, of which there is at least one, in a few words."""
    others = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    return f"{jobs[0].name}{others}"
