"""The section of a profile that says what is evaluated, and how: a key for each evaluation, those of users too."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from core.config import Config, Distinct, Positive, Seed
from core.declarations import Evaluation, misfit_of
from core.errors import InputError
from core.user_code import called, error_in, is_reference, load
from core.user_models import require_plain_values, require_valid_defaults
from pretrain.config import Workers
from profiles.registry import EVALUATIONS

SPEC = "spec"  # the key that names an evaluation in a user's file
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
SHIPPED = {evaluation.key for evaluation in EVALUATIONS}
SEEDS = TypeAdapter(Distinct[tuple[Seed, ...]], config=ConfigDict(strict=True))


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

    def require_fitting(self, profile: Any) -> None:
        """Whether every evaluation that is asked for finds what it needs in the profile.

        Raises:
            ValueError: one does not.
            UserCodeError: a user's evaluation is at fault.
        """
        for evaluation, section in self.sections:
            if evaluation.key not in SHIPPED:
                require_plain_values(section)
            called(evaluation.check, section, profile, passing=(ValueError,))

    @property
    def untrained_seeds(self) -> dict[int, list[Evaluation]]:
        """The seeds of untrained backbones, each with the evaluations that ask for it.

        Raises:
            UserCodeError: a user's evaluation is at fault.
        """
        asking: dict[int, list[Evaluation]] = {}
        for evaluation, section in self.sections:
            given = called(evaluation.untrained_seeds, section)
            try:
                seeds = SEEDS.validate_python(given)
            except ValidationError:
                raise error_in(evaluation.untrained_seeds, f"it gives {given!r}, expected different seeds") from None
            for seed in seeds:
                asking.setdefault(seed, []).append(evaluation)
        return asking


def _own(evaluation: Evaluation, section: Config) -> Config:
    """The section as its evaluation declares it."""
    if evaluation.key in SHIPPED:
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
    sections = {key: values for key, values in named.items() if key not in SHIPPED and isinstance(values, Mapping)}
    return tuple(_own_evaluation(key, values.get(SPEC)) for key, values in sections.items())


def _own_evaluation(key: str, reference: Any) -> Evaluation:
    if not NAME.fullmatch(key) or hasattr(EvaluationSection, key):
        raise InputError(
            f"evaluate: {key!a} cannot be the name of an evaluation: choose another one, of letters, digits, _ and -."
        )
    if reference is None:
        raise InputError(
            f"evaluate.{key}: no evaluation of this name ships, only {', '.join(sorted(SHIPPED))}; one in a file of "
            f"yours has the key {SPEC}, such as ./probe.py:SPEC."
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
    if misfit := misfit_of(evaluation):
        raise error_in(reference, misfit)
    if SPEC in evaluation.section.model_fields:
        raise error_in(evaluation.section, f"its field {SPEC} has the name of the key that names the file: rename it")
    require_valid_defaults(evaluation.section)
    return replace(evaluation, key=key)
