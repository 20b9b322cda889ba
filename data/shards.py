"""Images in tar files, for file systems that cannot bear millions of small ones: ``shards/*.tar`` below a set's folder.

The shards stand for the folder that unpacking all of them would give: a member's name is the path that the image would
have there, and a link leads to what it would lead to, in whichever shard and order. What unpacking would leave to
chance, one path in two places, is refused. What is no image is ignored, by the rule in data/listing.py.

The tar files are not compressed: an image is read by its position, so any order of images is as good as any other. The
positions are found once and kept in the user's cache, as long as no shard changes; a cache that cannot be used costs
time alone.
"""

import hashlib
import json
import os
import sys
import zipfile
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.cache import cache_folder
from core.errors import InputError
from core.files import written_atomically
from data.listing import files_in, is_image, is_unread, refuse_unread
from data.paths import Paths, shown
from data.tar_members import BLOCK, Folder, Link, members

FOLDER = "shards"
COMPRESSED = (".tgz", ".tbz2", ".txz", *(f".tar.{suffix}" for suffix in ("gz", "bz2", "xz", "zst", "lz4", "Z")))
COLUMNS = ("content", "starts", "ends", "shard", "offsets", "sizes", "headers")  # of an index
LINKS_IN_A_ROW = 40  # as Linux follows


@dataclass(frozen=True, eq=False)
class Shards:
    """Where each of ``n`` images lies.

    Attributes:
        files: the tar files.
        paths: ``[n]``, sorted.
        shard: ``[n]`` which of the files holds the image.
        offsets, sizes: ``[n]`` where its bytes begin, and how many there are.
        headers: ``[n]`` the CRC-32 of the 512 bytes before them, which name the member.
    """

    files: Sequence[Path]
    paths: Paths
    shard: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    headers: np.ndarray

    def read(self, path: bytes) -> bytes:
        """The bytes of an image.

        Raises:
            FileNotFoundError: no shard holds it.
            InputError: its shard cannot be read, or is another than the one whose positions are known.
        """
        row = bisect_left(self.paths, path)
        if row == len(self.paths) or self.paths[row] != path:
            raise FileNotFoundError(path)
        file, size = self.files[self.shard[row]], int(self.sizes[row])
        try:
            with open(file, "rb", buffering=0) as shard:
                content = os.pread(shard.fileno(), BLOCK + size, int(self.offsets[row]) - BLOCK)
        except OSError as error:
            raise InputError(f"The shard {shown(file)} cannot be read ({error.strerror}): restore it.") from None
        if len(content) != BLOCK + size or zlib.crc32(content[:BLOCK]) != self.headers[row]:
            raise InputError(
                f"The shard {shown(file)} does not hold {shown(path)} where it did when its index was made: start "
                "again, and leave shards as they are while they are read."
            )
        return content[BLOCK:]


def open_shards(folder: Path) -> Shards | None:
    """The shards of a folder of images; None where it has none.

    Raises:
        InputError: a shard is no whole, uncompressed tar file, two members have one path, or a link leads nowhere.
    """
    if not (folder / FOLDER).is_dir():
        return None
    files = _files(folder / FOLDER)
    index = _index_path(files)
    shards = None if index is None else _read_index(index, files)
    if shards is None:
        shards = _build_index(files)
        if index is not None:
            _write_index(index, shards)
    return shards


def _files(folder: Path) -> list[Path]:
    compressed = files_in(folder, COMPRESSED)
    if compressed:
        raise InputError(
            f"The shard {shown(compressed[0])} is compressed, so that no image can be read by its position: decompress "
            "it."
        )
    files = files_in(folder, (".tar",))
    if not files:
        raise InputError(f"{shown(folder)} holds no tar file: put the shards there, or remove the folder.")
    return files


def _index_path(files: Sequence[Path]) -> Path | None:
    """The file in the user's cache that belongs to these shards as they are now; None where there is no cache."""
    cache = cache_folder()
    if cache is None:
        _note("there is no absolute XDG_CACHE_HOME or HOME")
        return None
    states: list[object] = [COLUMNS]
    for file in files:
        try:
            state = file.stat()
        except OSError as error:
            raise InputError(f"The shard {shown(file)} cannot be read ({error.strerror}): restore it.") from None
        times = (state.st_mtime_ns, state.st_ctime_ns)  # copying can set back the first, and nothing the second
        states.append((str(file.absolute()), state.st_size, *times, state.st_ino))
    return cache / f"shards-{hashlib.sha256(json.dumps(states).encode()).hexdigest()[:16]}.npz"


def _read_index(index: Path, files: Sequence[Path]) -> Shards | None:
    """The shards from their index; None where that is not there, or is damaged."""
    try:
        with np.load(index) as columns:
            content, starts, ends, *others = (columns[name] for name in COLUMNS)
        return Shards(files, Paths(content, starts, ends), *others)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        _note(f"{shown(index)} cannot be read: {error}")
        return None


def _write_index(index: Path, shards: Shards) -> None:
    """Write the index; several processes may do so at once: they write the same."""
    paths = shards.paths
    columns = (paths.content, paths.starts, paths.ends, shards.shard, shards.offsets, shards.sizes, shards.headers)
    try:
        with written_atomically(index) as file:
            np.savez(file, allow_pickle=False, **dict(zip(COLUMNS, columns, strict=True)))
    except OSError as error:
        _note(f"{shown(index)} cannot be written: {error.strerror}")


def _note(reason: str) -> None:
    print(f"The positions of images in shards are not kept, but found anew each time ({reason}).", file=sys.stderr)


def _build_index(files: Sequence[Path]) -> Shards:
    """Read every shard once."""
    names: list[bytes] = []
    places, holders = array("q"), array("q")
    links: list[tuple[Link, int]] = []
    folders: set[bytes] = set()
    for number, file in enumerate(files):
        for member in members(file):
            if isinstance(member, Folder):
                folders.add(member.path)
            elif isinstance(member, Link):
                links.append((member, number))
            else:
                names.append(member.path)
                holders.append(number)
                places.extend((number, member.offset, member.size, member.header))
    for path, number, row in _resolved(links, names, files):
        names.append(path)
        holders.append(number)
        places.extend(places[4 * row : 4 * row + 4])
    for name, holder in zip(names, holders, strict=True):
        if is_unread(os.fsdecode(name)):
            refuse_unread(files[holder], [os.fsdecode(name)])
    images = sorted((row for row, name in enumerate(names) if is_image(os.fsdecode(name))), key=names.__getitem__)
    paths = Paths.of(names[row] for row in images)
    shard, offsets, sizes, headers = np.array(places, dtype=np.int64).reshape(-1, 4)[images].T
    for place, (first, second) in enumerate(pairwise(paths)):
        if first == second:
            one, other = (shown(files[holders[row]].name) for row in images[place : place + 2])
            where = f"in {one} and in {other}" if one != other else f"in {one}"
            raise InputError(
                f"The shards in {shown(files[0].parent)} hold {shown(first)} twice, {where}: take one of them out."
            )
    both = _with_parents(folders | {name.rpartition(b"/")[0] for name in names}).intersection(paths)
    if both:
        raise InputError(
            f"The shards in {shown(files[0].parent)} hold {shown(min(both))} twice, as an image and as a folder: take "
            "one of them out."
        )
    return Shards(files, paths, shard, offsets, sizes, headers)


def _with_parents(folders: set[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for folder in folders:
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]
    return found


def _resolved(
    links: Sequence[tuple[Link, int]], names: Sequence[bytes], files: Sequence[Path]
) -> Iterator[tuple[bytes, int, int]]:
    """The path of every link that is an image, its shard's number, and the row of ``names`` that it leads to."""
    if not links:
        return
    rows: dict[bytes, int] = {}
    twice, folders = set(), set()
    for row, name in enumerate(names):
        if rows.setdefault(name, row) != row:
            twice.add(name)
        while (name := name.rpartition(b"/")[0]) and name not in folders:
            folders.add(name)
    targets = {link.path: link.target for link, _ in links}
    for link, number in links:
        target = _followed(link, targets)
        if is_image(os.fsdecode(link.path)) and target in rows and target not in twice:
            yield link.path, number, rows[target]
        elif is_image(os.fsdecode(link.path)) or target in folders:
            raise InputError(
                f"The shard {shown(files[number])} holds the link {shown(link.path)} to "
                f"{'a place outside' if target is None else shown(target)}, which is not one image in the shards: "
                "store the images themselves (tar --dereference --hard-dereference)."
            )


def _followed(link: Link, targets: Mapping[bytes, bytes | None]) -> bytes | None:
    target = link.target
    for _ in range(LINKS_IN_A_ROW):
        if target is None or target not in targets:
            return target
        target = targets[target]
    return None
