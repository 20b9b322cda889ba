"""What a profile needs on disk, data sets, released checkpoints and lists, and as what they are published."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from core.errors import InputError
from data.declaration import DataSetSpec
from data.manifest import PublishedFile, Release, read_manifest, release_of
from profiles.expand import jobs_of
from profiles.registry import DATA_SETS
from profiles.schema import Profile

RELEASES = "pretrain/releases.yaml"  # of checkpoints and lists
ARCHIVES = "archives"  # below data.root


class Needed(NamedTuple):
    """Something on disk that a profile needs.

    Attributes:
        key: of the profile that names it.
        path: where it is to lie.
        is_there: whether it does.
        is_folder: whether it is a folder, which comes as archives; otherwise it is a file, which comes as it is.
        release: as which it is published; None where that is unknown.
        files: of the release, those that are needed.
    """

    key: str
    path: Path
    is_there: bool
    is_folder: bool
    release: Release | None
    files: Sequence[PublishedFile]

    @property
    def name(self) -> str:
        """What it is called in short, by the last name in its key: ``imagenet-r``, ``moco-v2``."""
        return self.key.removesuffix(".folder").removesuffix(".file").rpartition(".")[2].replace("_", "-")

    def is_called(self, name: str) -> bool:
        """Whether it is meant by a name, in which ``_`` may stand for ``-``."""
        return self.name == name.replace("_", "-")


def needed_by(profile: Profile) -> list[Needed]:
    """All of it, data sets first.

    Raises:
        InputError: the profile makes its data; a user's evaluation is at fault.
    """
    if profile.miniature is not None:
        raise InputError(f"The profile {profile.name} makes its data: ask for one that reads some, such as paper.")
    return [*_data_sets(profile), *_files(profile)]


def archives_folder(named: Path | None, root: Path | None) -> Path | None:
    """Where the archives of data sets lie: in the folder that was named, or below ``data.root``, if there is either."""
    return named or (root / ARCHIVES if root else None)


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
    return Needed(key, folder, is_there, True, release, release.each if release else ())


def _files(profile: Profile) -> Iterator[Needed]:
    """Checkpoints and lists that jobs read; by their names, files of releases."""
    published = {file.name: (release, file) for release in read_manifest(RELEASES) for file in release.each}
    read = {source.key: source for job in jobs_of(profile) for source in job.reads if source.kind != "folder"}
    for source in read.values():
        path = Path(source.path)
        release, *files = published.get(path.name, (None,))
        yield Needed(source.key, path, path.is_file(), False, release, files)
