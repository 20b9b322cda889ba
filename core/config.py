"""The base of every configuration model, and the numbers and names that their fields hold."""

import re
import reprlib
from collections.abc import Collection, Hashable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError
from pydantic_core import ErrorDetails

LARGEST = 10**9

Positive = Annotated[int, Field(gt=0, le=LARGEST)]
NotNegative = Annotated[int, Field(ge=0, le=LARGEST)]
Pixels = Annotated[int, Field(gt=0, le=1 << 13)]  # the side of an image that a network is shown
Classes = Annotated[int, Field(gt=1, le=10**6)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]  # what NumPy, torch and scikit-learn all take
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Field(gt=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
PositiveNumber = Annotated[float, Field(gt=0, le=LARGEST)]
NotNegativeNumber = Annotated[float, Field(ge=0, le=LARGEST)]


def _path(text: str) -> str:
    if not text.strip() or any(character < " " for character in text):
        raise ValueError(f"found {text!a}, expected the path of a file or folder")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
        raise ValueError(
            f"found the name {text!a}, expected up to 64 letters, digits, _ and -, the first a letter or digit: "
            "folders are called by it"
        )
    return text


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 64:
        raise ValueError(f"found the title {text!a}, expected up to 64 characters that can be printed")
    return text


OnDisk = Annotated[str, AfterValidator(_path)]
Name = Annotated[str, AfterValidator(_name)]
Title = Annotated[str, AfterValidator(_title)]


class Config(BaseModel):
    """A validated, immutable set of values.

    An unknown key is an error; so is a value of another type (a whole number may stand for a real one), and a number
    that is not finite. All of it holds for defaults too.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        defer_build=True,  # built within the one that is asked for
    )


def _distinct(values: Collection[Hashable]) -> Collection[Hashable]:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} appears twice: name each once")
        seen.add(value)
    return values


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError(f"found {list(values)}, expected each to be larger than the one before it")
    return values


def _apart(values: dict[str, Any]) -> dict[str, Any]:
    """Names that differ in more than capitals: on some file systems, their folders would be the same."""
    of_folder: dict[str, str] = {}
    for name in values:
        twin = of_folder.setdefault(name.casefold(), name)
        if twin != name:
            raise ValueError(f"{twin} and {name} differ in capitals alone: give one of them another name")
    return values


T = TypeVar("T")
FromList = Annotated[T, Strict(False)]  # a tuple, of which YAML and JSON make a list; what is in it stays strict
Distinct = Annotated[T, Strict(False), AfterValidator(_distinct)]
Ascending = Annotated[T, Strict(False), AfterValidator(_ascending)]
Named = Annotated[dict[Name, T], AfterValidator(_apart)]


def values(config: Config) -> dict[str, Any]:
    """The plain JSON values of a configuration."""
    return config.model_dump(mode="json")


def first_misfit(error: ValidationError, *place: str) -> str:
    """The first thing that does not fit, and where: ``views.1: input should be 'weak' or 'strong', found 'soft'``."""
    return misfit(error.errors(include_url=False)[0], *place)


def misfit(details: ErrorDetails, *place: str) -> str:
    """One thing that does not fit, below some place, as a phrase."""
    said = details["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, (*place, *details["loc"])))
    return f"{where}: {said[:1].lower()}{said[1:]}, found {reprlib.repr(details['input'])}"


def require_divisible(batch_size: int, tasks: int, key: str, whose: str) -> None:
    """Refuse a batch that a job's processes cannot share.

    Raises:
        ValueError: it is not divisible by their number.
    """
    if batch_size % tasks:
        raise ValueError(f"{key} {batch_size} is not divisible by {tasks} {whose} tasks")
