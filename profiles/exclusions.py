"""The training images that a profile leaves out: every list by its content, and the list of ``verify --full``."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from core.config import first_misfit
from core.errors import InputError
from core.files import sha256_of
from core.workspace import FULL_VERIFICATION_FOLDER
from data.sets.webvision.spec import VERIFIED, Exclusions
from profiles.schema import Profile

AGAIN = "run run_all.py verify --full, with the same options"


class LeftOut(NamedTuple):
    """What a training set is to do without.

    Attributes:
        said: how many images, and which, as a phrase.
        verified: fingerprint of the images among which the broken ones were found; None of a list of the user's own.
    """

    said: str
    verified: Mapping[str, Any] | None = None


def with_lists(profile: Profile, runs: Path) -> tuple[Profile, dict[str, LeftOut]]:
    """The profile with its lists of exclusions as they are on disk, and what they leave out, by training set.

    A list that is there gets its digest, so that a changed list makes other jobs, and a moved one does not. In place of
    the word ``verified`` stands the list of the full verification; nothing, where that found no broken image.

    Args:
        profile: as it was validated.
        runs: its folder.

    Raises:
        InputError: there was no full verification, what it left cannot be used, or a list is not the one of its digest.
    """
    sets: dict[str, Any] = dict(profile.data.webvision)
    left_out: dict[str, LeftOut] = {}
    for name, section in sets.items():
        key, listed = f"data.webvision.{name}.exclusions", section.exclusions
        if listed is None:
            continue
        if listed.file == VERIFIED:
            _require_data_on_disk(profile, key)
            listed, left_out[name] = _verified(key, runs / FULL_VERIFICATION_FOLDER / f"{name}.json")
        elif _is_there(listed.file, profile):
            listed, left_out[name] = _as_it_is(key, listed, drawn=section.subset is not None)
        elif profile.miniature is None:
            left_out[name] = LeftOut(
                f"the list {listed.file} does not exist (`{VERIFIED}` takes that of verify --full)"
            )
        sets[name] = section.model_copy(update={"exclusions": listed})
    data = profile.data.model_copy(update={"webvision": sets})
    return profile.model_copy(update={"data": data}), left_out


def _require_data_on_disk(profile: Profile, key: str) -> None:
    if profile.miniature is not None:
        raise InputError(f"{key} is {VERIFIED}, but the profile makes its images (miniature): leave it out.")


def _is_there(file: str, profile: Profile) -> bool:
    """Whether a list can be read now, which one that the miniature builds cannot."""
    return (Path(file).is_absolute() or profile.miniature is None) and Path(file).is_file()


def _as_it_is(key: str, listed: Exclusions, drawn: bool) -> tuple[Exclusions, LeftOut]:
    content = Path(listed.file).read_bytes()
    digest, images = hashlib.sha256(content).hexdigest(), len(set(content.splitlines()))
    if listed.sha256 not in (None, digest):
        raise InputError(
            f"{key}: the list {listed.file} has the SHA-256 {digest}, expected {listed.sha256}: restore the list, or "
            "correct sha256."
        )
    said = f"the {images:,} images that {listed.file} names are left out{', where they are drawn' if drawn else ''}"
    return Exclusions(file=str(Path(listed.file).absolute()), sha256=digest), LeftOut(said)


class _Train(BaseModel):
    decoded: int
    fingerprint: dict[str, Any] = {}
    full_sha256: str | None = None


class _Splits(BaseModel):
    train: _Train


class _BrokenList(BaseModel):
    file: str
    images: int
    sha256: str


class _Report(BaseModel):
    """What is needed here of what :class:`data.verification.report.Verifier` writes."""

    splits: _Splits
    broken_list: _BrokenList | None


def _verified(key: str, path: Path) -> tuple[Exclusions | None, LeftOut]:
    """What the report of a full verification says; no list where no training image was broken."""
    report = _report(key, path)
    train, listed = report.splits.train, report.broken_list
    if train.full_sha256 is None:
        raise InputError(
            f"{key} is {VERIFIED}, but not all images could be looked at: see to the faults in {path}, then {AGAIN}."
        )
    if listed is None:
        said = f"none of {train.decoded:,} images is left out, as verify --full found none broken"
        return None, LeftOut(said, train.fingerprint)
    file = path.parent / listed.file
    if not file.is_file() or sha256_of(file) != listed.sha256:
        raise InputError(f"{key} is {VERIFIED}, but the list {file} is not as it was written: {AGAIN}.")
    said = f"{listed.images:,} of {train.decoded:,} images are left out, those that verify --full found broken ({file})"
    return Exclusions(file=str(file), sha256=listed.sha256), LeftOut(said, train.fingerprint)


def _report(key: str, path: Path) -> _Report:
    try:
        return _Report.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{key} is {VERIFIED}, but nobody has looked at every image ({path} does not exist): {AGAIN}."
        ) from None
    except ValidationError as error:
        raise InputError(f"{key} is {VERIFIED}, but {path} is damaged ({first_misfit(error)}): {AGAIN}.") from None
