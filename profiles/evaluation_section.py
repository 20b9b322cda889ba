"""The section of a profile that says what is evaluated, and how: a key for each evaluation, those of users too."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import create_model

from core.config import Config, Positive
from core.declarations import Column, Evaluation, Table
from core.errors import InputError
from core.user_code import error_in, is_reference, load
from pretrain.config import Workers
from profiles.registry import EVALUATIONS

SPEC = "spec"  # the key that names an evaluation in a user's file
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
SHIPPED = {evaluation.key for evaluation in EVALUATIONS}


class EvaluationSection(Config):
    """The evaluations, and what they share: images at once, loading processes."""

    evaluations: ClassVar[tuple[Evaluation, ...]] = ()  # that it has keys for

    batch_size: Positive
    workers: Workers

    if TYPE_CHECKING:  # the keys of what ships, and of users' own

        def __getattr__(self, key: str) -> Any: ...

    @property
    def sections(self) -> list[tuple[Evaluation, Config]]:
        """What is evaluated, each with its own part of the section."""
        found = [(evaluation, getattr(self, evaluation.key)) for evaluation in self.evaluations]
        return [(evaluation, _own(evaluation, section)) for evaluation, section in found if section is not None]


def _own(evaluation: Evaluation, section: Config) -> Config:
    """The section as its evaluation declares it."""
    if not hasattr(section, SPEC):
        return section
    return evaluation.section.model_validate(section.model_dump(exclude={SPEC}))


def section_with(evaluations: tuple[Evaluation, ...]) -> type[EvaluationSection]:
    """The model of a section with a key for each evaluation that ships, and for these of users."""
    fields: dict[str, Any] = {
        it.key: (it.section, ...) if it.is_required else (it.section | None, None) for it in EVALUATIONS
    }
    for it in evaluations:
        named = create_model(it.section.__name__, __base__=it.section, **{SPEC: (str, ...)})  # type: ignore[call-overload]
        fields[it.key] = (named | None, None)
    model = create_model("EvaluationSection", __base__=EvaluationSection, **fields)
    model.evaluations = EVALUATIONS + evaluations
    return model


def own_evaluations(section: Any) -> tuple[Evaluation, ...]:
    """The evaluations in users' files that a profile names, each under the key that it has there.

    Args:
        section: the profile's ``evaluate``, not validated yet.

    Raises:
        InputError: a file cannot be read or run, what it is named for is no evaluation, or its key is taken.
    """
    named = section if isinstance(section, Mapping) else {}
    references = {key: values[SPEC] for key, values in named.items() if isinstance(values, Mapping) and SPEC in values}
    return tuple(_own_evaluation(key, reference) for key, reference in references.items() if key not in SHIPPED)


def _own_evaluation(key: str, reference: Any) -> Evaluation:
    if not NAME.fullmatch(key) or hasattr(EvaluationSection, key):
        raise InputError(
            f"evaluate: {key!a} cannot be the name of an evaluation: choose another one, of letters, digits, _ and -."
        )
    if not is_reference(reference):
        raise InputError(
            f"evaluate.{key}.{SPEC} is {reference!a}, expected a file and a name in it, such as ./probe.py:SPEC."
        )
    evaluation = load(reference).value
    if not isinstance(evaluation, Evaluation):
        raise InputError(
            f"evaluate.{key}.{SPEC}: {reference} is a {type(evaluation).__name__}, expected an Evaluation of "
            "core.declarations: make it one."
        )
    if not (isinstance(evaluation.section, type) and issubclass(evaluation.section, Config)):
        raise error_in(evaluation.work, f"the section of {evaluation.id} is no core.config.Config")
    if not all(
        isinstance(it, Table) and all(isinstance(one, Column) for one in it.columns) for it in evaluation.tables
    ):
        raise error_in(evaluation.work, f"the tables of {evaluation.id} are no Tables of Columns")
    return replace(evaluation, key=key)
