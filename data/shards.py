"""Images in tar files, for file systems that cannot bear millions of small ones: ``shards/*.tar`` below a set's folder.

A member's name is the path that the image would have below that folder. The tar files are not compressed: an image is
read by its position, so any order of images is as good as any other. The positions are found once and kept in the
user's cache (``XDG_CACHE_HOME``); with other shards, or shards of another age, they are found anew.
"""

import hashlib
import json
import os
import tarfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import written_atomically
from data.paths import Paths

FOLDER = "shards"


@dataclass(frozen=True, eq=False)
class Shards:
    """Where each of ``n`` images lies.

    Attributes:
        files: the tar files.
        paths: ``[n]``, sorted.
        shard: ``[n]`` which of the files holds the image.
        offsets, sizes: ``[n]`` where its bytes begin, and how many there are.
    """

    files: Sequence[Path]
    paths: Paths
    shard: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray

    def read(self, path: bytes) -> bytes:
        """The bytes of an image.

        Raises:
            FileNotFoundError: no shard holds it.
            OSError: its shard cannot be read, or is shorter than it was.
        """
        row = bisect_left(self.paths, path)
        if row == len(self.paths) or self.paths[row] != path:
            raise FileNotFoundError(path)
        file, size = self.files[self.shard[row]], int(self.sizes[row])
        with open(file, "rb", buffering=0) as shard:
            content = os.pread(shard.fileno(), size, int(self.offsets[row]))
        if len(content) != size:
            raise OSError(f"the shard {file} ends too early")
        return content


def open_shards(folder: Path) -> Shards | None:
    """The shards of a folder of images; None where it has none.

    Raises:
        InputError: a shard is no uncompressed tar file, or two members have one name.
    """
    files = sorted((folder / FOLDER).glob("*.tar"))
    if not files:
        return None
    index = _index_of(files)
    if not index.exists():  # several processes may write it at once: they write the same
        with written_atomically(index) as file:
            found = _indexed(files)
            np.savez(
                file,
                content=found.paths.content,
                starts=found.paths.starts,
                ends=found.paths.ends,
                shard=found.shard,
                offsets=found.offsets,
                sizes=found.sizes,
            )
    with np.load(index) as columns:
        paths = Paths(columns["content"], columns["starts"], columns["ends"])
        return Shards(files, paths, columns["shard"], columns["offsets"], columns["sizes"])


def _index_of(files: Sequence[Path]) -> Path:
    """The file in the user's cache that belongs to these shards as they are now."""
    states = [(str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    digest = hashlib.sha256(json.dumps(states).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mopro-reproduction"
    return cache / f"shards-{digest[:16]}.npz"


def _indexed(files: Sequence[Path]) -> Shards:
    """Read every shard once."""
    names: list[bytes] = []
    places = array("q")
    for number, file in enumerate(files):
        for name, offset, size in _members(file):
            names.append(name)
            places.extend((number, offset, size))
    order = np.argsort(np.array(names, dtype=bytes), kind="stable")
    paths = Paths.of(names)[order]
    shard, offsets, sizes = np.array(places, dtype=np.int64).reshape(-1, 3)[order].T
    for row, (first, second) in enumerate(pairwise(paths)):
        if first == second:
            one, other = (files[shard[place]].name for place in (row, row + 1))
            raise InputError(
                f"The shards in {files[0].parent} hold {os.fsdecode(first)!r} twice, in {one} and in {other}: "
                "take one of them out."
            )
    return Shards(files, paths, shard, offsets, sizes)


def _members(file: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, position and size of every file in a tar file."""
    try:
        with tarfile.open(file, "r:") as shard:
            while (member := shard.next()) is not None:
                if member.isreg():
                    yield os.fsencode(member.name.removeprefix("./")), member.offset_data, member.size
                shard.members = []  # type: ignore[attr-defined]  # it would keep every member it has read
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"The shard {file} is no whole, uncompressed tar file ({error}): write it anew.") from None
