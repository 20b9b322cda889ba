"""Looks for a profile's data sets below ``data.root``, where they do not lie in the folders that the profile names."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

from profiles.load import below_root, profile_values, root_of, validated, with_folders
from profiles.registry import DATA_SETS
from profiles.schema import Profile


class AtHand(NamedTuple):
    """A data set below ``data.root``.

    Attributes:
        key: of the profile that names its folder.
        folder: where it lies; None where it was not found.
    """

    key: str
    folder: Path | None


def profile_at_hand(
    name_or_path: str, overrides: Sequence[str] = (), site: Path | None = None, seeds: Iterable[int] = ()
) -> tuple[Profile, list[AtHand]]:
    """A profile as :func:`profiles.load.load_profile` gives it, with the folders in which its data sets were found.

    Looked for are the data sets whose folders are relative to ``data.root``; one that is nowhere keeps the folder that
    the profile names, which whoever needs it will say is not there.

    Raises:
        InputError: as with that one; several folders hold a data set, and none has its name.
    """
    path, values = profile_values(name_or_path, overrides, site, seeds)
    what, root = f"The profile {path}", root_of(values)
    profile = validated(below_root(values), what)
    if root is None:
        return profile, []
    at_hand: list[AtHand] = []

    def found(key: str, name: str) -> str:
        if Path(name).is_absolute():
            return name
        at_hand.append(AtHand(f"data.{key}", _find(key, name, profile, root)))
        return str(at_hand[-1].folder or name)

    data = {spec.key: with_folders(spec.key, values["data"].get(spec.key), found) for spec in DATA_SETS}
    placed = {**values, "data": values["data"] | {key: part for key, part in data.items() if part is not None}}
    return validated(below_root(placed), what), at_hand


def _find(key: str, name: str, profile: Profile, root: Path) -> Path | None:
    """Where a data set lies below ``root``, by the key of its folder; None where it does not."""
    of, *parts = key.removesuffix(".folder").split(".")
    section = getattr(profile.data, of)
    for part in parts:
        section = section[part]
    finder = next(spec.finder for spec in DATA_SETS if spec.key == of)
    if not finder:
        return root / name if (root / name).is_dir() else None
    return resolve_name(finder).find(root, name, section, profile.imagenet_classes)
