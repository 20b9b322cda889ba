"""The archives of a release among the files that somebody has."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError
from data.manifest import PublishedFile
from data.paths import shown


class Archive(NamedTuple):
    """A published file as it lies on disk.

    Attributes:
        path: where.
        bytes: its size.
        modified: when it was written, in nanoseconds since 1970.
        published_sha256: the digest that its file must have; None where nobody states it. Nobody computes it here.
    """

    path: Path
    bytes: int
    modified: int
    published_sha256: str | None


def archives_in(folder: Path, files: Iterable[PublishedFile]) -> dict[str, Archive]:
    """All files of a release, by their published names.

    Args:
        folder: in which they lie.
        files: the release's.

    Raises:
        InputError: some of them are not there, or one has another size than was published.
    """
    found, missing = {}, []
    for file in files:
        path = folder / file.name
        if not path.is_file():
            missing.append(file.name)
            continue
        state = path.stat()
        if file.bytes is not None and state.st_size != file.bytes:
            raise InputError(
                f"{shown(path)} has {state.st_size:,} bytes, the published file {file.bytes:,}: it was not fetched to "
                "its end, or is another file; fetch it again, from where run_all.py data list says."
            )
        found[file.name] = Archive(path, state.st_size, state.st_mtime_ns, file.sha256)
    if missing:
        more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
        raise InputError(f"{missing[0]}{more} not in {shown(folder)}: run_all.py data fetch gets what can be had.")
    return found
