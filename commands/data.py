"""`run_all.py data list`: the data sets and checkpoints of a profile, what is there, and where the rest comes from."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from commands.arguments import ProfileParser
from core.errors import InputError
from data.declaration import DataSetSpec
from data.manifest import PublishedFile, Release, read_manifest, release_of
from profiles.data_at_hand import profile_at_hand
from profiles.registry import DATA_SETS
from profiles.schema import Profile

RELEASES = "pretrain/releases.yaml"  # of checkpoints
ACTIONS = ("list",)


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


def main(arguments: Sequence[str]) -> int:
    """Print a table, and for everything that is missing where it comes from; gives the exit status: 0 if all is there.

    Raises:
        InputError: the profile is not valid, or makes its data; there is no such action.
    """
    if not arguments or arguments[0] not in ACTIONS:
        raise InputError(f"run_all.py data: expected {' or '.join(ACTIONS)} behind it, as in run_all.py data list.")
    parser = ProfileParser("data list", __doc__, "Nothing is fetched; every address and digest has its source.")
    given = parser.parse_args(arguments[1:])
    profile, _ = profile_at_hand(given.profile, given.overrides, given.site)
    if profile.miniature is not None:
        raise InputError(f"The profile {profile.name} makes its data: ask for one that reads some, such as paper.")
    needed = [*_data_sets(profile), *_checkpoints(profile)]
    print(_as_text(needed))
    return 0 if all(it.is_there for it in needed) else 1


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


def _as_text(needed: Sequence[Needed]) -> str:
    from tabulate import tabulate

    rows = [
        {
            "needed by": it.key,
            "where": str(it.path),
            "state": "there" if it.is_there else "missing",
            "what": it.release.title if it.release else "not published by this name",
            "to fetch": "" if it.is_there or not it.release else _size(it.files),
            "sign up": "first" if it.release and it.release.sign_up and not it.is_there else "",
        }
        for it in needed
    ]
    lines = [tabulate(rows, headers="keys", disable_numparse=True)]
    missing = {it.release.title: it for it in needed if not it.is_there and it.release}
    for it in missing.values():
        lines += ["", *_described(it)]
    count = sum(not it.is_there for it in needed)
    lines += ["", f"{count} of {len(needed)} are missing." if count else "All of it is there."]
    return "\n".join(lines)


def _described(needed: Needed) -> Iterator[str]:
    """Where a release comes from, file by file."""
    assert needed.release is not None
    yield f"{needed.release.title}. Terms: {needed.release.terms}."
    if needed.release.sign_up:
        yield f"  First {needed.release.sign_up}."
    for file in needed.release.files:
        if not {it.name for it in file.each()} & {it.name for it in needed.files}:
            continue
        yield f"  {file.name}: {file.holds}"
        yield f"    {_of_content(file)}"
        for place in file.addresses:
            alive = f"last known alive on {place.alive}" if place.alive else "not known whether it is alive"
            yield f"    {place.url} ({alive}; {place.said_by})"


def _of_content(file: PublishedFile) -> str:
    digests = [f"{name} {digest}" for name, digest in (("MD5", file.md5), ("SHA-256", file.sha256)) if digest]
    size = f"{file.bytes:,} bytes" if file.bytes else "size unknown"
    source = f" (by {file.sure}: {file.stated_by})" if file.sure else ""
    return f"{size}, {', '.join(digests) or 'digest unknown'}{source}"


def _size(files: Sequence[PublishedFile]) -> str:
    """How much is to be fetched, as far as it is known."""
    known = [file.bytes for file in files if file.bytes]
    if not known:
        return "unknown"
    return f"{'at least ' * (len(known) < len(files))}{sum(known) / 1e9:,.1f} GB"
