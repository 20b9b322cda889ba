"""Unpacks the pieces of a data set side by side, each from the member at which an earlier process stopped."""

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.processes import end_with_parent, ignoring_interrupts, kill_children
from data.listing import is_image
from data.paths import shown
from data.preparation.declaration import Piece
from data.preparation.members import Member, members, unexpected
from data.preparation.outputs import FileOutput, Output, ShardOutput
from data.preparation.resizing import resized

SECONDS_BETWEEN_NOTES = 10.0  # so that whoever goes on repeats no more
SECONDS_BETWEEN_LOOKS = 0.5
BYTES_BETWEEN_LOOKS = 1 << 26  # at the free space


@dataclass
class State:
    """How far a piece has been unpacked.

    Attributes:
        members: how many of its first ones are whole, and on disk.
        is_whole: whether these are all.
    """

    members: int = 0
    is_whole: bool = False


@dataclass(frozen=True)
class Work:
    """What is unpacked, and how.

    Attributes:
        pieces: all of them.
        states: of each piece; they are changed as it is unpacked.
        folder: that takes everything.
        shard_folders: the folders below it whose images go into shards; none where they are files.
        shorter_side: to which images are resized; None where they stay as they are.
    """

    pieces: Sequence[Piece]
    states: Sequence[State]
    folder: Path
    shard_folders: Sequence[str]
    shorter_side: int | None


def unpack(work: Work, processes: int, note: Callable[[], None], progress: Callable[[int, int], None]) -> None:
    """Unpack what is not whole yet.

    Args:
        work: what.
        processes: how many unpack side by side, at most.
        note: called when the states are those of what is on disk, every few seconds and at the end, whichever it is.
        progress: called with the number of bytes that are unpacked, and of all.

    Raises:
        InputError: an archive is damaged or holds what it must not, the disk has no room, or the system has ended one
            of the processes.
        OSError: an archive cannot be read, or the folder not be written.
    """
    sizes = [piece.bytes for piece in work.pieces]
    rows = [row for row, state in enumerate(work.states) if not state.is_whole]
    if not rows:
        return
    context = multiprocessing.get_context("fork")  # the pieces are shared, and what says where their members lie
    whole = context.RawArray("q", [state.members for state in work.states])
    read = context.RawArray(
        "q", [piece.bytes * it.is_whole for piece, it in zip(work.pieces, work.states, strict=True)]
    )
    pool = ProcessPoolExecutor(min(processes, len(rows)), context, _begin, (work, whole, read))
    ended: list[int] = []
    try:
        with ignoring_interrupts():
            largest_first = sorted(rows, key=sizes.__getitem__, reverse=True)
            running = {pool.submit(_unpack, row): row for row in largest_first}
        noted = time.monotonic()
        while running:
            for future in wait(running, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
                row = running.pop(future)
                future.result()
                ended.append(row)
            progress(sum(map(min, read, sizes)), sum(sizes))
            if time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
                _note(work, whole, ended, note)
                noted = time.monotonic()
    except BrokenProcessPool:
        raise InputError(
            "A process that unpacks was ended, probably because the system had no memory left: give the same command "
            "again, with fewer processes (--jobs), and it goes on."
        ) from None
    except BaseException:  # an interruption, or an archive that is not as it was published
        kill_children()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        _note(work, whole, ended, note)


def _note(work: Work, whole: Sequence[int], ended: Sequence[int], note: Callable[[], None]) -> None:
    """Take the states to be what was whole before everything was written to disk, which one call does for all files."""
    members, last = list(whole), list(ended)
    os.sync()
    for state, count in zip(work.states, members, strict=True):
        state.members = count
    for row in last:
        work.states[row].is_whole = True
    note()


_shared: list[Any] = []  # in a process that unpacks: the work, and the arrays in which its parent sees how far it is


def _begin(*shared: Any) -> None:
    _shared[:] = shared
    end_with_parent()


def _unpack(row: int) -> None:
    work, whole, read = _shared
    piece, first = work.pieces[row], whole[row]
    room, number = 0, 0
    with _output(work, piece, first) as output:
        for number, member in enumerate(members(piece.archive, piece.header), start=1):
            read[row] += member.size
            if number <= first:
                continue
            place = piece.place(member.path)
            if place is None:
                raise unexpected(piece.archive, member.path, "where no published member lies")
            if member.size > room:
                room = max(member.size, BYTES_BETWEEN_LOOKS)
                _require_room(work.folder, room, piece, member)
            room -= member.size
            _write(output, place, member, work.shorter_side)
            whole[row] = output.whole
    whole[row], read[row] = number, piece.bytes


def _output(work: Work, piece: Piece, first: int) -> Output:
    if work.shard_folders:
        return ShardOutput(work.folder, first, piece.name, work.shard_folders)
    return FileOutput(work.folder, first)


def _write(output: Output, place: str, member: Member, shorter_side: int | None) -> None:
    if shorter_side is None or not is_image(place):
        output.add(place, member.size, member.chunks())
        return
    content = resized(b"".join(member.chunks()), shorter_side)
    output.add(place, len(content), [content])


def _require_room(folder: Path, size: int, piece: Piece, member: Member) -> None:
    """A member is not written where it does not fit: it may announce any size."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{shown(folder)} has no room for {shown(member.path)} of {shown(piece.archive)} ({member.size:,} bytes; "
            f"{free:,} are free): make room there, or name another place with --set data.root, then give the command "
            "again."
        )
