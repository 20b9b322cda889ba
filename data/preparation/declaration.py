"""What a data set says of its archives: where each of their members lies in the folder that its reader takes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data.preparation.members import announced_bytes

Place = Callable[[str], str | None]


@dataclass(frozen=True)
class Piece:
    """What one process unpacks, member by member, in the archive's order: an archive, or a tar file in one.

    Attributes:
        name: its own among those of the data set; its shards are called after it.
        archive: the file.
        place: from the path of a member to its path below the data set's folder; None for a member that the published
            archive does not have.
        bytes: how many its members have together; of a compressed tar file, which only tells when it is read, its own
            size.
        header: where in the archive the header of the inner tar file stands; None for the whole archive.
    """

    name: str
    archive: Path
    place: Place
    bytes: int
    header: int | None = None


@dataclass(frozen=True)
class Preparation:
    """How a data set is prepared.

    Attributes:
        pieces: called with its archives, by their published names; gives all of what is unpacked. It raises InputError
            for archives that are others than were published.
        shard_folders: the folders, relative to the data set's, whose images may lie in shards instead, the innermost
            first; none where its reader takes no shards.
        marks_pixels: whether its annotations give positions in pixels, so that images keep their size.
    """

    pieces: Callable[[Mapping[str, Path]], Iterable[Piece]]
    shard_folders: tuple[str, ...] = ()
    marks_pixels: bool = False


def moved(before: str, after: str) -> Place:
    """The place of what begins with ``before`` in the archive: the same with ``after``; nothing else is expected."""
    return lambda path: after + path.removeprefix(before) if path.startswith(before) else None


def archive_by_archive(places: Mapping[str, Place]) -> Callable[[Mapping[str, Path]], Iterable[Piece]]:
    """The pieces of a data set each of whose archives is one, from the place of their members by published name."""

    def pieces(archives: Mapping[str, Path]) -> Iterable[Piece]:
        for name, path in archives.items():
            yield Piece(name.partition(".")[0], path, places[name], announced_bytes(path))

    return pieces
