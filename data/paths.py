"""Many relative paths in three arrays: no Python object for each, so nothing for reference counting to touch.

A path is bytes, as file systems have it, and need not be UTF-8.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np

ROWS_AT_ONCE = 1 << 16


def shown(path: str | bytes | os.PathLike) -> str:
    """A path for a sentence: on one line, and printable: what is not becomes a code that begins with a backslash."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


@dataclass(frozen=True, eq=False)
class Paths:
    """``n`` relative paths as bytes; loader workers that are forked share the arrays without copying a page.

    Attributes:
        content: ``[bytes]``, uint8: a text that contains every path, such as the list it was read from.
        starts, ends: ``[n]``: path i is ``content[starts[i]:ends[i]]``.
    """

    content: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, names: Iterable[str | bytes]) -> "Paths":
        """The paths of an iterable; text becomes bytes as file names do."""
        encoded = [name.encode(errors="surrogateescape") if isinstance(name, str) else name for name in names]
        ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts, ends)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, row: int) -> bytes: ...

    @overload
    def __getitem__(self, row: np.ndarray | list[int]) -> "Paths": ...

    def __getitem__(self, row: int | np.ndarray | list[int]) -> "bytes | Paths":
        """One path; or those of some rows (indices or a mask), which share the text."""
        if isinstance(row, np.ndarray | list):
            return Paths(self.content, self.starts[row], self.ends[row])
        return self.content[self.starts[row] : self.ends[row]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        text = self.content.data
        for first in range(0, len(self), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            for start, end in zip(self.starts[part].tolist(), self.ends[part].tolist(), strict=True):
                yield bytes(text[start:end])

    def tolist(self) -> list[bytes]:
        """Every path as an object of its own; for small tables."""
        return list(self)
