"""What a profile needs on disk, its data sets and released checkpoints, and as what they are published."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from data.declaration import DataSetSpec
from data.manifest import PublishedFile, Release, read_manifest, release_of
from profiles.registry import DATA_SETS
from profiles.schema import Profile

RELEASES = "pretrain/releases.yaml"  # of checkpoints


class Needed(NamedTuple):
    """Something on disk that a profile needs.

    Attributes:
        key: of the profile that names it.
        path: where it is to lie.
        is_there: whether it does.
        release: as which it is published; None where that is unknown.
        files: of the release, those that are needed.
    """

    key: str
    path: Path
    is_there: bool
    release: Release | None
    files: Sequence[PublishedFile]


def needed_by(profile: Profile) -> list[Needed]:
    """All of it, data sets first."""
    return [*_data_sets(profile), *_checkpoints(profile)]


def _data_sets(profile: Profile) -> Iterator[Needed]:
    for spec in DATA_SETS:
        section = getattr(profile.data, spec.key)
        if isinstance(section, dict):
            for name, part in section.items():
                yield _data_set(spec, f"data.{spec.key}.{name}.folder", Path(part.folder), part)
        elif isinstance(section, str):
            yield _data_set(spec, f"data.{spec.key}", Path(section), section)
        elif section is not None:
            yield _data_set(spec, f"data.{spec.key}.folder", Path(section.folder), section)


def _data_set(spec: DataSetSpec, key: str, folder: Path, section: Any) -> Needed:
    is_there = resolve_name(spec.finder).structure.is_at(folder) if spec.finder else folder.is_dir()
    release = release_of(spec.manifest, section) if spec.manifest else None
    return Needed(key, folder, is_there, release, release.each if release else ())


def _checkpoints(profile: Profile) -> Iterator[Needed]:
    """The files of releases, by their names."""
    published = {file.name: (release, file) for release in read_manifest(RELEASES) for file in release.each}
    for name, method in profile.released.items():
        path = Path(method.file)
        release, *files = published.get(path.name, (None,))
        yield Needed(f"methods.{name}.file", path, path.is_file(), release, files)
