"""Where unpacked files go: each to its place in the folder, or images into shards, as data/shards.py reads them."""

import tarfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from core.files import written_atomically
from data.listing import is_image
from data.shards import FOLDER

BYTES_OF_A_SHARD = 1 << 30  # and what is left of its last image
BLOCKS_AT_THE_END = 2


class Output(Protocol):
    """Takes the files of a piece; a context manager, which has everything whole when its block ends without error.

    Attributes:
        whole: how many of the first members are whole, whatever happens to the process.
    """

    whole: int

    def __enter__(self) -> "Output": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add(self, place: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write the next member: its path below the folder, its size, its content."""


class FileOutput:
    """Every member is a file of its own."""

    def __init__(self, folder: Path, whole: int) -> None:
        self.whole = whole
        self._folder = folder
        self._made: Path | None = None

    def __enter__(self) -> "FileOutput":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def add(self, place: str, size: int, chunks: Iterable[bytes]) -> None:
        path = self._folder / place
        if path.parent != self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made = path.parent
        with open(path, "wb") as file:
            file.writelines(chunks)
        self.whole += 1


class ShardOutput:
    """Images go into tar files of about 1 GB, everything else into files of its own.

    A shard is called after its piece and the number of its first member, so that a piece that goes on where another
    process was killed writes the same shards.
    """

    def __init__(self, folder: Path, whole: int, piece: str, shard_folders: Sequence[str]) -> None:
        self.whole = whole
        self._added = whole
        self._folder, self._piece, self._shard_folders = folder, piece, shard_folders
        self._files = FileOutput(folder, whole)
        self._shard: IO[bytes] | None = None
        self._images_in = ""
        self._open = ExitStack()

    def __enter__(self) -> "ShardOutput":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self._open.__exit__(kind, error, trace)

    def add(self, place: str, size: int, chunks: Iterable[bytes]) -> None:
        images_in = next((name for name in self._shard_folders if _is_in(place, name)), None)
        if images_in is None or not is_image(place):
            self._files.add(place, size, chunks)
        else:
            self._add_image(images_in, place, size, chunks)
        self._added += 1

    def _add_image(self, images_in: str, place: str, size: int, chunks: Iterable[bytes]) -> None:
        if self._shard is not None and (self._images_in != images_in or self._shard.tell() >= BYTES_OF_A_SHARD):
            self._end()
            self.whole = self._added
        if self._shard is None:
            path = self._folder / images_in / FOLDER / f"{self._piece}-{self._added:08}.tar"
            self._shard, self._images_in = self._open.enter_context(written_atomically(path)), images_in
        member = tarfile.TarInfo(place.removeprefix(f"{images_in}/"))
        member.size = size
        self._shard.write(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        self._shard.writelines(chunks)
        self._shard.write(bytes(-size % tarfile.BLOCKSIZE))

    def _end(self) -> None:
        if self._shard is not None:
            self._shard.write(bytes(BLOCKS_AT_THE_END * tarfile.BLOCKSIZE))
            self._shard = None
            self._open.close()


def _is_in(place: str, folder: str) -> bool:
    return not folder or place.startswith(f"{folder}/")
