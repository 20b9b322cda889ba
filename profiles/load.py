"""Reads a profile, applies overrides, and explains what is wrong with it in one sentence."""

import difflib
import itertools
import os
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core.discriminated_union import DiscriminatedUnion
from core.errors import InputError
from core.user_code import absolute_reference, is_reference
from profiles.plain_yaml import LARGEST_FILE, NotPlainError, plain_values
from profiles.schema import Profile, profile_for

FOLDER = Path(__file__).parent
SITE_KEYS = ("data", "resources", "slurm")
ROOT_VARIABLE = "MOPRO_DATA"  # takes the place of a profile's own data.root
YAML_SUFFIXES = (".yaml", ".yml")
COMPARISON_KEYS = ("better", "baselines", "comparisons", "steps")  # keys of a section of claims
QUOTE = "'"  # in which pydantic names a union's key
KEY = "[key]"  # pydantic's mark for a key that is at fault itself


def load_profile(
    name_or_path: str, overrides: Sequence[str] = (), site: Path | None = None, seeds: Iterable[int] = ()
) -> Profile:
    """A profile by name (``mini``) or path (``my/pilot.yaml``), with ``key.of.value=value`` overrides applied.

    A profile with ``extends: mini`` holds only what differs from that one; ``extends: ../lab.yaml`` names a file, from
    the folder of the one that extends it. A site's file holds what differs on its machines: folders of data sets,
    resources, settings of the cluster; it changes no science. ``seeds`` come on top of the profile's own. Below
    ``data.root``, data sets lie in the folders that the profile names; :mod:`profiles.data_at_hand` looks for others.

    Raises:
        InputError: there is no such profile or site file, it is no YAML, or a key or value is not valid.
    """
    path, values = profile_values(name_or_path, overrides, site, seeds)
    return validated(below_root(values), f"The profile {path}")


def profile_values(
    name_or_path: str, overrides: Sequence[str] = (), site: Path | None = None, seeds: Iterable[int] = ()
) -> tuple[Path, dict[str, Any]]:
    """The file of a profile, and its values as :func:`load_profile` takes them, before they are validated."""
    path, values = _read(name_or_path)
    own_data = values.get("data")
    if os.environ.get(ROOT_VARIABLE) and isinstance(own_data, dict) and "root" in own_data:
        own_data["root"] = os.environ[ROOT_VARIABLE]
    if site is not None:
        of_site = _site_values(site)
        if values.get("miniature") is not None and isinstance(of_site.get("data"), dict):
            of_site["data"].pop("root", None)  # it is nothing to a profile that makes its data
        values = _merged(values, of_site)
    for override in overrides:
        _apply(values, override)
    own = values.get("seeds")
    if isinstance(own, list):
        values["seeds"] = own + [seed for seed in seeds if seed not in own]
    return path, values


def below_root(values: dict[str, Any]) -> dict[str, Any]:
    """The values without ``data.root``, to which the folders of its data sets were relative.

    Raises:
        InputError: it is no path, or the profile's data are made.
    """
    root = root_of(values)
    if root is None:
        return values
    data = {key: part for key, part in values["data"].items() if key != "root"}
    placed = {key: with_folders(key, part, lambda _, name: str(root / name)) for key, part in data.items()}
    return {**values, "data": placed}


def root_of(values: Mapping[str, Any]) -> Path | None:
    """What the folders of a profile's data sets are relative to; None where it does not say.

    Raises:
        InputError: it is no path, or the profile's data are made.
    """
    data = values.get("data")
    root = data.get("root") if isinstance(data, dict) else None
    if root is None:
        return None
    if values.get("miniature") is not None:
        raise InputError(
            f"data.root is {root!r}, but the profile makes its data (miniature): leave data.root out, or set "
            "miniature to null."
        )
    if not isinstance(root, str) or not root.strip() or not root.isprintable():
        raise InputError(f"data.root is {root!r}, expected the folder that holds the data sets.")
    return Path(root).expanduser().absolute()


def with_folders(key: str, part: Any, place: Callable[[str, str], str]) -> Any:
    """What a profile says of a data set, with other folders: it is a folder, has one, or names parts that have one.

    Args:
        key: of the data set in the profile.
        part: what is said there.
        place: from the key of a folder and what it is, to what it is to be.
    """
    if isinstance(part, str):
        return place(key, part)
    if not isinstance(part, dict):
        return part
    if isinstance(folder := part.get("folder"), str):
        return {**part, "folder": place(f"{key}.folder", folder)}
    return {name: with_folders(f"{key}.{name}", it, place) if isinstance(it, dict) else it for name, it in part.items()}


def validated(values: dict[str, Any], what: str) -> Profile:
    """Values as a validated profile, whatever way they came.

    Raises:
        InputError: a key or value is not valid; the sentence begins with ``what``.
    """
    model = profile_for(values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{what}: {_explanation(error, model, values)}") from None


def _read(name_or_path: str) -> tuple[Path, dict[str, Any]]:
    """The file of a profile, and its values on top of those of the profile that it extends, and so on."""
    first = path = _path_of(name_or_path, Path())
    known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
    advice = f"give one of {known}, or the path of a YAML file"
    values, layers = _parsed(path, f"There is no profile {path}: {advice}."), []
    read = {path.resolve(): None}  # in order
    while "extends" in values:
        extended = values.pop("extends")
        if not isinstance(extended, str) or not extended.isprintable():
            raise InputError(f"{path}: extends is {extended!r}, expected a profile: {advice}.")
        layers.append(values)
        holder, path = path, _path_of(extended, path.parent)
        if (place := path.resolve()) in read:
            circle = [*itertools.dropwhile(lambda file: file != place, read), place]
            raise InputError(f"{' extends '.join(map(str, circle))}: a circle, let one of them extend nothing.")
        read[place] = None
        values = _parsed(path, f"There is no profile {path}, which {holder} extends: {advice}.")
    for layer in reversed(layers):
        values = _merged(values, layer)
    return first, values


def _path_of(name_or_path: str, folder: Path) -> Path:
    """A bare name is a profile of ours; a path is relative to a folder."""
    if Path(name_or_path).suffix in YAML_SUFFIXES or "/" in name_or_path:
        return folder / name_or_path
    return FOLDER / f"{name_or_path}.yaml"


def _site_values(path: Path) -> dict[str, Any]:
    values = _parsed(path, f"There is no site file {path}: name one that exists, or leave --site out.")
    for key in values:
        if key not in SITE_KEYS:
            raise InputError(f"The site file {path} sets {key!r}, but may set only {', '.join(SITE_KEYS)}: drop it.")
    return values


def _parsed(path: Path, if_missing: str) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise InputError(if_missing)
        with open(path, "rb") as file:
            values = plain_values(file.read(LARGEST_FILE + 1))
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{str(path)!r} cannot be read ({reason}): name another file, or make it readable.") from None
    except NotPlainError as error:
        raise InputError(f"{path} {error}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no keys: see profiles/mini.yaml for an example.")
    return _with_absolute_references(values, path.parent)


def _with_absolute_references(value: Any, folder: Path) -> Any:
    """The value, in which what names something in a user's file does so from anywhere."""
    if isinstance(value, dict):
        return {key: _with_absolute_references(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_absolute_references(inner, folder) for inner in value]
    return absolute_reference(value, folder) if is_reference(value) else value


def _merged(base: Any, values: Any) -> Any:
    """``values`` on top of ``base``: key by key where both have keys, otherwise ``values``; null takes a key away.

    Where there is nothing to take away, null stays: whether the key may have it, validation says.
    """
    if _are_comparisons(values, base):
        return {key: value for key, value in base.items() if key not in COMPARISON_KEYS} | {"comparisons": values}
    if not isinstance(base, dict) or not isinstance(values, dict):
        return values
    merged = dict(base)
    for key, value in values.items():
        if value is None and key in base:
            del merged[key]
        else:
            merged[key] = _merged(base.get(key), value)
    return merged


def _are_comparisons(values: Any, base: Any) -> bool:
    """Whether a list stands in place of a section of claims, of which it is to keep what it does not say."""
    return isinstance(values, list) and isinstance(base, dict) and not base.keys().isdisjoint(COMPARISON_KEYS)


def _apply(values: dict[str, Any], override: str) -> None:
    given = f"--set {override if override.isprintable() else ascii(override)}"
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"{given}: expected key=value, such as pretrain.schedule.learning_rate=0.1.")
    *parents, last = parts = key.split(".")
    if not all(parts):
        raise InputError(f"{given}: a part of the key is empty, expected one such as pretrain.schedule.learning_rate.")
    if not text.strip():
        raise InputError(f"{given}: the value is empty: give one, or null to take the key away.")
    for parent in parents:
        if values.get(parent) is None:
            values[parent] = {}
        values = values[parent]
        if isinstance(values, list):
            raise InputError(f"{given}: {parent!a} is a list: give the whole of it, as in seeds=[1, 2].")
        if not isinstance(values, dict):
            raise InputError(f"{given}: {parent!a} is a single value and has no parts.")
    try:
        value = _with_absolute_references(plain_values(text), Path())
    except NotPlainError as error:
        raise InputError(f"{given}: the value {error}.") from None
    if value is None and values.get(last) is not None:
        del values[last]
    else:
        known = values.get(last)
        values[last] = _merged(known, value) if _are_comparisons(value, known) else value


def _explanation(error: ValidationError, profile: type[Profile], values: dict[str, Any]) -> str:
    """The first problem as a sentence; for an unknown key, with the nearest one that exists."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"] if part != KEY]
    if problem["type"] == "extra_forbidden":
        parents, model = _resolved(place[:-1], profile, values)
        near = difflib.get_close_matches(place[-1], model.model_fields, n=1, cutoff=0.0)
        return f"unknown key {'.'.join([*parents, place[-1]])!a}; did you mean {'.'.join([*parents, *near])!r}?"
    keys, _ = _resolved(place, profile, values)
    if problem["type"] == "union_tag_invalid":
        key, tag, known = (problem["ctx"][name] for name in ("discriminator", "tag", "expected_tags"))
        return f"{'.'.join(keys)}: {key.strip(QUOTE)} is {tag!a}, expected one of {known}."
    if problem["type"] == "union_tag_not_found":
        key = problem["ctx"]["discriminator"].strip(QUOTE)
        return f"{'.'.join(keys)}: it has no key {key}, by which its kind is told; is the name {keys[-1]!a} misspelt?"
    found = f", found {_shown(problem['input'])}" if problem["type"] not in ("missing", "value_error") else ""
    message = (
        problem["msg"]
        .removeprefix("Value error, ")
        .replace("valid tuple", "list")
        .replace("tuple should", "the list should")
    )
    sentence = f"{message[0].lower()}{message[1:]}{found}."
    return f"{'.'.join(keys)}: {sentence}" if keys else sentence


def _shown(value: Any) -> str:
    """A value as YAML has it, shortened."""
    short = reprlib.Repr()
    short.maxstring, short.maxlevel = 80, 3
    return short.repr(list(value) if isinstance(value, tuple) else value)


def _resolved(place: Sequence[str], profile: type[Profile], values: Any) -> tuple[list[str], Any]:
    """The keys of a place in the profile, and the model or type there, for these values.

    Where a value can be one of several models, pydantic names the chosen one in the place, which is no key; or the
    value chooses itself.
    """
    keys: list[str] = []
    annotation: Any = profile
    for part in place:
        options = _tagged_models(annotation)
        if typing.get_origin(annotation) in (types.UnionType, typing.Union):  # of simple types
            break
        if part in options:
            annotation = options[part]
            continue
        keys.append(part if part.isprintable() else ascii(part))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[part].annotation if part in annotation.model_fields else None
        elif typing.get_origin(annotation) is dict:
            annotation = typing.get_args(annotation)[1]
        values = values.get(part) if isinstance(values, dict) else None
        annotation = _chosen(_without_none(annotation), values)
    return keys, annotation


def _chosen(annotation: Any, value: Any) -> Any:
    """The model that a value chooses, where it does."""
    chosen = next((one for one in typing.get_args(annotation)[1:] if isinstance(one, DiscriminatedUnion)), None)
    try:
        return chosen.model_of(value) if chosen else annotation
    except (InputError, ValueError):
        return None


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
