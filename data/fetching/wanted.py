"""A published file that is to lie somewhere, and what becomes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from data.fetching.content import Content, content_of
from data.fetching.watch import Watch
from data.manifest import PublishedFile


@dataclass(frozen=True)
class Wanted:
    """A published file that is to lie somewhere.

    Attributes:
        file: what is known of it.
        name: its path in a folder of such files, which tells it from others; sentences call it so.
        path: where it is to lie.
        sign_up: what a person has to do before, or instead of, fetching it; empty where it can simply be fetched.
    """

    file: PublishedFile
    name: str
    path: Path
    sign_up: str = ""

    @property
    def checking(self) -> str:
        """What its progress is called while it is read."""
        return f"{self.name}, checking"

    def content_at(self, path: Path, watch: Watch) -> Content:
        """What a file holds that is this one.

        Raises:
            NotTheFileError: it is another one.
            StoppedError: the work is to end.
        """
        return content_of(path, self.file, lambda done, total: watch.tell(self.checking, done, total))


class NotThereError(Exception):
    """A file could not be had; the message is a phrase that says why."""


class Brought(NamedTuple):
    """A file that is right, and has no name yet.

    Attributes:
        path: where it lies.
        source: the address or path that it came from.
        content: what it holds.
    """

    path: Path
    source: str
    content: Content


class Source(Protocol):
    """Where files are brought from."""

    def room_for(self, wanted: Wanted) -> int:
        """How many bytes more the disk must have, as far as that is known."""
        ...

    def bring(self, wanted: Wanted, watch: Watch) -> Brought:
        """Leave a file that is right in its :class:`data.fetching.part.Part`.

        Raises:
            NotThereError: it cannot be had.
            StoppedError: the work is to end; what has come stays.
            OSError: the disk is full, or cannot be written to.
        """
        ...
