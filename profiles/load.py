"""Reads a profile, applies overrides, and explains what is wrong with it in one sentence."""

import difflib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from core.errors import InputError
from profiles.schema import Profile

FOLDER = Path(__file__).parent


def load_profile(name_or_path: str, overrides: Sequence[str] = ()) -> Profile:
    """A profile by name (``mini``) or path (``my/site.yaml``), with ``key.of.value=value`` overrides applied.

    Raises:
        InputError: there is no such profile, it is no YAML, or a key or value is not valid.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{name_or_path}.yaml"
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise InputError(f"There is no profile {path}: give one of {known}, or the path of a YAML file.") from None
    except yaml.YAMLError as error:
        raise InputError(f"The profile {path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise InputError(f"The profile {path} holds no keys: see profiles/mini.yaml for an example.")
    for override in overrides:
        _apply(values, override)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise InputError(f"The profile {path}: {_explanation(error)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"--set {override}: expected key=value, such as pretrain.schedule.epochs=2.")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {override}: {parent!r} is a single value and has no parts.")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: {text!r} is not a YAML value.") from None


def _explanation(error: ValidationError) -> str:
    """The first problem as a sentence; for an unknown key, with the nearest one that exists."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        *parents, key = place
        known = _fields_at(Profile, parents)
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
        return f"unknown key {'.'.join(_keys(place))!r}; did you mean {'.'.join([*_keys(parents), *near])!r}?"
    found = f", found {problem['input']!r}" if problem["type"] not in ("missing", "value_error") else ""
    message = problem["msg"].removeprefix("Value error, ")
    return f"{'.'.join(_keys(place)) or 'the whole'}: {message[0].lower()}{message[1:]}{found}."


def _keys(place: Sequence[str]) -> list[str]:
    """The place without the tags that a choice between models adds to it."""
    return [part for part in place if part not in ("cross-entropy", "mopro") or part == place[-1]]


def _fields_at(model: Any, place: Sequence[str]) -> list[str]:
    """The keys that the model accepts at a place."""
    for part in place:
        model = _step_into(model, part)
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _step_into(annotation: Any, part: str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields[part].annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        return arguments[1]
    if origin is typing.Annotated:
        return _step_into(arguments[0], part)
    if origin in (typing.Union, types.UnionType):
        models = [option for option in arguments if isinstance(option, type) and issubclass(option, BaseModel)]
        tagged = [option for option in models if part in typing.get_args(_tag(option))]
        return tagged[0] if tagged else _step_into(models[0], part)
    return annotation


def _tag(model: type[BaseModel]) -> Any:
    return model.model_fields["objective"].annotation if "objective" in model.model_fields else None
