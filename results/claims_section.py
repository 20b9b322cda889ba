"""What a profile claims: its section ``claims``, which the plan hands on to tables and report."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from core.config import Config, Distinct, Name, NotNegativeNumber
from core.declarations import Column

ClaimName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]*$", max_length=32)]
Figures = Annotated[Distinct[tuple[str, ...]], Field(min_length=1)]


def _not_one(steps: tuple[str, ...]) -> tuple[str, ...]:
    if len(steps) == 1:
        raise ValueError(f"found {steps[0]} alone, expected at least 2 items, or none")
    return steps


class Better(Config):
    """That one method is better than another."""

    better: Name
    than: Name

    @model_validator(mode="after")
    def _than_another(self) -> "Better":
        if self.better == self.than:
            raise ValueError(f"{self.better} is claimed to be better than itself: name another one")
        return self


class Claims(Config):
    """That methods are better than others. All figures are in percent, so that their means are in points.

    Who is compared is said in one of two ways: by ``better`` and ``baselines``, or by ``comparisons``. A profile may
    give the list of these alone in place of the section, and keeps the rest of the one that it extends.

    Attributes:
        better: the method that is claimed to be better.
        baselines: the methods that it is compared with, in the order in which they are tested.
        comparisons: pairs of methods; those with the same better one are tested in their order.
        margin: in points; a difference that lies within it is none.
        primary: the claims, each by its name with the figures whose mean it is about, by evaluation and metric, such as
            ``accuracy-imagenet/top1``; within a claim, either more is better in all of them or less.
        steps: methods from a baseline to the better one, each as little apart from the one before it as can be; none
            where nothing is said of where the gain comes from.
    """

    better: Name | None = None
    baselines: Distinct[tuple[Name, ...]] = ()
    comparisons: Distinct[tuple[Better, ...]] = ()
    margin: NotNegativeNumber
    primary: dict[ClaimName, Figures] = Field(min_length=1)
    steps: Annotated[Distinct[tuple[Name, ...]], AfterValidator(_not_one)] = ()

    @model_validator(mode="before")
    @classmethod
    def _list_has_a_section_to_keep(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(
                "a list of comparisons keeps the rest of the section that the extended profile has, and there is none: "
                "give a section, with this list as comparisons, a margin in points, and primary, figures by claim, as "
                "in {top-1: [accuracy-webvision/top1]}"
            )
        return value

    @model_validator(mode="after")
    def _says_once_who_is_compared(self) -> "Claims":
        is_section = self.better is not None and bool(self.baselines)
        if is_section == bool(self.comparisons) or (self.better is None) == bool(self.baselines):
            raise ValueError("name who is compared by better and baselines, or by comparisons, and not by both")
        return self

    @model_validator(mode="after")
    def _compares_with_others(self) -> "Claims":
        if self.better in self.baselines:
            raise ValueError(f"{self.better} is among the baselines, but is what they are compared with: take it out")
        return self

    @model_validator(mode="after")
    def _figures_are_claimed_once(self) -> "Claims":
        claimed: dict[str, str] = {}
        for claim, figures in self.primary.items():
            for figure in figures:
                if figure in claimed:
                    raise ValueError(f"{figure} is in {claimed[figure]} and in {claim}: name it in one of them")
                claimed[figure] = claim
        return self

    @model_validator(mode="after")
    def _steps_lead_from_a_baseline(self) -> "Claims":
        if self.steps and self.steps[0] not in self.tests.get(self.steps[-1], ()):
            tests = " or ".join(f"from one of {', '.join(them)} to {better}" for better, them in self.tests.items())
            raise ValueError(f"steps lead from {self.steps[0]} to {self.steps[-1]}, expected {tests}")
        return self

    @property
    def tests(self) -> dict[str, tuple[str, ...]]:
        """Every method that is claimed to be better, with its baselines in the order in which they are tested."""
        if self.better is not None:
            return {self.better: self.baselines}
        found: dict[str, tuple[str, ...]] = {}
        for pair in self.comparisons:
            found[pair.better] = (*found.get(pair.better, ()), pair.than)
        return found

    @property
    def methods(self) -> dict[str, str]:
        """Every method that is named, with the key that names it first."""
        named = [("better", self.better)] if self.better else []
        named += [("baselines", name) for name in self.baselines]
        named += [("comparisons", name) for pair in self.comparisons for name in (pair.better, pair.than)]
        named += [("steps", name) for name in self.steps]
        return {method: key for key, method in reversed(named)}

    def require_figures(self, columns: Mapping[str, Column]) -> None:
        """Whether the claims are about figures that the tables have, and each about figures that go together.

        Args:
            columns: of the tables, by evaluation and metric.

        Raises:
            ValueError: they are not; the message begins with the key.
        """
        for claim, figures in self.primary.items():
            for place, figure in enumerate(figures):
                if figure not in columns:
                    near = difflib.get_close_matches(figure, columns, n=1, cutoff=0.0) or ["none, as there is no table"]
                    raise ValueError(
                        f"primary.{claim}.{place}: no table has a figure {figure!a}; the nearest is {near[0]}"
                    )
                if columns[figure].lower_is_better != columns[figures[0]].lower_is_better:
                    raise ValueError(
                        f"primary: of the figures of {claim}, {figures[0]} and {figure} are better in opposite "
                        "directions, so that their mean says nothing: make two claims of them"
                    )
