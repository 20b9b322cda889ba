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
OF_A_SITE = ("data", "resources", "slurm")


def load_profile(name_or_path: str, overrides: Sequence[str] = (), site: Path | None = None) -> Profile:
    """A profile by name (``mini``) or path (``my/pilot.yaml``), with ``key.of.value=value`` overrides applied.

    A profile with ``extends: mini`` holds only what differs from that one. A site's file holds what differs on its
    machines: folders of data sets, resources, settings of the cluster; it changes no science.

    Raises:
        InputError: there is no such profile or site file, it is no YAML, or a key or value is not valid.
    """
    path, values = _read(name_or_path)
    if site is not None:
        values = _merged(values, _of_site(site))
    for override in overrides:
        _apply(values, override)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise InputError(f"The profile {path}: {_explanation(error)}") from None


def _read(name_or_path: str) -> tuple[Path, dict[str, Any]]:
    """The file of a profile, and its values on top of those of the profile that it extends."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{name_or_path}.yaml"
    known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
    values = _parsed(path, f"There is no profile {path}: give one of {known}, or the path of a YAML file.")
    extended = values.pop("extends", None)
    if extended is None:
        return path, values
    _, base = _read(str(extended))
    return path, _merged(base, values)


def _of_site(path: Path) -> dict[str, Any]:
    values = _parsed(path, f"There is no site file {path}: name one that exists, or leave --site out.")
    for key in values:
        if key not in OF_A_SITE:
            raise InputError(f"The site file {path} sets {key!r}, but may set only {', '.join(OF_A_SITE)}: drop it.")
    return values


def _parsed(path: Path, if_missing: str) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_bytes(), yaml.CSafeLoader)  # safe_load in C
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(if_missing) from None
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no keys: see profiles/mini.yaml for an example.")
    return values


def _merged(base: Any, values: Any) -> Any:
    """``values`` on top of ``base``: key by key where both have keys, otherwise ``values``; null takes a key away."""
    if not isinstance(base, dict) or not isinstance(values, dict):
        return values
    merged = base | {key: _merged(base.get(key), value) for key, value in values.items()}
    return {key: value for key, value in merged.items() if value is not None}


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
    if values[last] is None:
        del values[last]


def _explanation(error: ValidationError) -> str:
    """The first problem as a sentence; for an unknown key, with the nearest one that exists."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        parents, model = _resolved(place[:-1])
        near = difflib.get_close_matches(place[-1], model.model_fields, n=1, cutoff=0.0)
        return f"unknown key {'.'.join([*parents, place[-1]])!r}; did you mean {'.'.join([*parents, *near])!r}?"
    keys, _ = _resolved(place)
    found = f", found {problem['input']!r}" if problem["type"] not in ("missing", "value_error") else ""
    message = problem["msg"].removeprefix("Value error, ")
    return f"{'.'.join(keys) or 'the whole'}: {message[0].lower()}{message[1:]}{found}."


def _resolved(place: Sequence[str]) -> tuple[list[str], Any]:
    """The keys of a place in the profile, and the model or type that stands there.

    Where a value can be one of several models, pydantic names the chosen one in the place; that is no key.
    """
    keys: list[str] = []
    annotation: Any = Profile
    for part in place:
        options = _tagged_models(annotation)
        if part in options:
            annotation = options[part]
            continue
        keys.append(part)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[part].annotation if part in annotation.model_fields else None
        elif typing.get_origin(annotation) is dict:
            annotation = typing.get_args(annotation)[1]
        annotation = _without_none(annotation)
    return keys, annotation


def _without_none(annotation: Any) -> Any:
    options = [option for option in typing.get_args(annotation) if option is not type(None)]
    return options[0] if isinstance(annotation, types.UnionType) and len(options) == 1 else annotation


def _tagged_models(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a choice, by the value of the key that tells them apart."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return {}
    union, *metadata = typing.get_args(annotation)
    key = next((field.discriminator for field in metadata if getattr(field, "discriminator", None)), None)
    models = typing.get_args(union) if key else ()
    return {tag: model for model in models for tag in typing.get_args(model.model_fields[key].annotation)}
