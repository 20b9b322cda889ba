"""Brings files to where they are to lie, several side by side; a name is given to what was checked alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from core.files import exclusive_lock
from data.fetching.content import Content, NotTheFileError
from data.fetching.part import Part
from data.fetching.records import Fetched, fetched_in, record
from data.fetching.room import require_room
from data.fetching.wanted import NotThereError, Source, Wanted
from data.fetching.watch import Watch


class Outcome(NamedTuple):
    """What became of a file.

    Attributes:
        wanted: the file.
        fetched: what is known of it; None where it is not there.
        why_not: as a phrase; empty where it is there.
        aside: where it lies until it gets its name; None where it has it.
    """

    wanted: Wanted
    fetched: Fetched | None
    why_not: str = ""
    aside: Path | None = None


def fetch(
    files: Sequence[Wanted], source: Source, watch: Watch, side_by_side: int, say: Callable[[Outcome], None]
) -> bool:
    """Bring files that are not there, and check those that are; gives whether all are there, and right.

    May be killed at any moment and called again.

    Args:
        files: no two at one path.
        source: from where.
        watch: is told of progress, and stopped when this ends.
        side_by_side: how many at a time.
        say: called with what became of each, as soon as it is known.

    Raises:
        InputError: another process is at work in one of the folders, a record there is damaged, or there is no room.
        OSError: a disk is full, or cannot be written to.
    """
    with ExitStack() as held:
        for folder in sorted({it.path.parent for it in files}):
            held.enter_context(exclusive_lock(folder))
        require_room((it.path.parent, source.room_for(it)) for it in files if not it.path.exists())
        pool = held.enter_context(ThreadPoolExecutor(side_by_side))
        held.callback(watch.stop)
        outcomes = [pool.submit(_outcome, it, source, watch) for it in files]
        try:
            for outcome in as_completed(outcomes):
                _keep(outcome.result())
                say(outcome.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return all(outcome.result().fetched for outcome in outcomes)


def _outcome(wanted: Wanted, source: Source, watch: Watch) -> Outcome:
    """Whether a file is there, or what was brought of it."""
    try:
        if wanted.path.exists():
            return Outcome(wanted, _found(wanted, watch))
        brought = source.bring(wanted, watch)
        return Outcome(wanted, _fetched(brought.source, brought.content), aside=brought.path)
    except NotThereError as error:
        return Outcome(wanted, None, str(error))


def _found(wanted: Wanted, watch: Watch) -> Fetched:
    """A file that is there: as it is recorded, or else as it is.

    Raises:
        NotThereError: it is another one.
    """
    known = fetched_in(wanted.path.parent).get(wanted.path.name)
    if known and known.bytes == wanted.path.stat().st_size and wanted.file.sha256 in (None, known.sha256):
        return known
    try:
        return _fetched("", wanted.content_at(wanted.path, watch))
    except NotTheFileError as error:
        raise NotThereError(f"{wanted.path} is another file ({error}): move it away") from None


def _fetched(source: str, content: Content) -> Fetched:
    return Fetched(source=source, date=datetime.now(UTC).isoformat(timespec="seconds"), **content._asdict())


def _keep(outcome: Outcome) -> None:
    """Record what is there, and give what was brought its name, in this order: what has a name has a record."""
    if outcome.fetched is not None:
        record(outcome.wanted.path, outcome.fetched)
    if outcome.aside is not None:
        outcome.aside.replace(outcome.wanted.path)
        Part(outcome.wanted.path).discard()
