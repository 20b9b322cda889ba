"""Prepares a data set: unpacked beside its place, and renamed once it is complete.

Until then everything lies in a hidden folder, which readers do not see and which another process, after this one was
killed, goes on with. That costs one rename a data set; files that take their names one by one would cost one a file.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files import exclusive_lock, remove_unfinished, write_json
from data.misplaced import FolderStructure
from data.paths import shown
from data.preparation.archives import Archive
from data.preparation.declaration import Piece, Preparation
from data.preparation.resizing import QUALITY
from data.preparation.unpacking import State, Work, unpack
from data.shards import FOLDER as SHARDS

PREPARED = "prepared.json"  # in the data set's folder
PROGRESS, CONTENT = "progress.json", "content"  # in the hidden one
SECONDS_FOR_THE_KILLED = 15.0  # after a command was killed, its processes hold the folder until they notice


@dataclass(frozen=True)
class Form:
    """What a data set is prepared as.

    Attributes:
        shards: whether images go into shards.
        shorter_side: in pixels, to which larger images are resized; None where all stay as they are.
    """

    shards: bool
    shorter_side: int | None


@dataclass(frozen=True)
class Task:
    """A data set to prepare.

    Attributes:
        folder: its place.
        structure: by which it is known there.
        preparation: what it says of its archives.
        archives: by their published names.
        form: what it is prepared as, which its readers take.
    """

    folder: Path
    structure: FolderStructure
    preparation: Preparation
    archives: Mapping[str, Archive]
    form: Form


def prepare(task: Task, processes: int, progress: Callable[[int, int], None]) -> None:
    """Unpack a data set to its place.

    What a process that was killed has unpacked, in the same form and of archives that are still the same, is not
    unpacked again.

    Args:
        task: what.
        processes: how many unpack side by side, at most.
        progress: called with the number of bytes that are unpacked, and of all.

    Raises:
        InputError: something else lies at its place, an archive is not as it was published, the disk has no room for
            it, it was begun in another form, or another process prepares it.
        OSError: an archive cannot be read, or the folder not be written.
    """
    folder = task.folder.resolve()
    _require_free(folder, task)
    aside = folder.with_name(f".{folder.name}.preparing")
    with exclusive_lock(aside, SECONDS_FOR_THE_KILLED):
        if task.structure.is_at(folder):  # another process was faster
            shutil.rmtree(aside)
            return
        pieces = list(task.preparation.pieces({name: archive.path for name, archive in task.archives.items()}))
        states = _states(aside / PROGRESS, task, pieces)
        content = aside / CONTENT
        content.mkdir(exist_ok=True)
        if task.form.shorter_side is None and not any(state.members for state in states):
            _require_room(task, content, sum(piece.bytes for piece in pieces))
        shard_folders = task.preparation.shard_folders if task.form.shards else ()
        for name in shard_folders:
            remove_unfinished(content / name / SHARDS)
        work = Work(pieces, states, content, shard_folders, task.form.shorter_side)
        unpack(work, processes, lambda: _write_progress(aside / PROGRESS, task, pieces, states), progress)
        if not task.structure.is_at(content):
            raise InputError(
                f"The archives of {shown(folder)} do not hold {task.structure.name}: they are others than were "
                f"published; fetch them again, and remove {shown(aside)}."
            )
        write_json(content / PREPARED, _described(task))
        os.rename(content, folder)
        shutil.rmtree(aside)


def _require_free(folder: Path, task: Task) -> None:
    """An empty folder is as good as none."""
    if folder.is_mount() or (folder.exists() and not (folder.is_dir() and not os.listdir(folder))):
        raise InputError(
            f"{shown(folder)} is there, but not as {task.structure.name} that can be read: move its content elsewhere "
            f"(archives may lie in any folder), or name another place with --set {task.structure.key}."
        )


def _require_room(task: Task, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{task.structure.name} takes {size:,} bytes in {shown(task.folder.parent)}, where {free:,} are free: make "
            "room there, or name another place with --set data.root."
        )


def _states(progress: Path, task: Task, pieces: Sequence[Piece]) -> list[State]:
    """How far each piece is; those of an archive that has been replaced begin anew.

    Raises:
        InputError: it was begun in another form.
    """
    try:
        known: dict[str, Any] = json.loads(progress.read_text())
    except FileNotFoundError:
        return [State() for _ in pieces]
    if known["form"] != asdict(task.form):
        raise InputError(
            f"{shown(task.folder)} was begun with other options (in {shown(progress.parent)}): give the same ones, "
            "or remove that folder."
        )
    same = {name for name, archive in task.archives.items() if known["archives"].get(name) == _seen(archive)}
    return [State(**known["pieces"].get(piece.name, {})) if piece.archive.name in same else State() for piece in pieces]


def _write_progress(progress: Path, task: Task, pieces: Sequence[Piece], states: Sequence[State]) -> None:
    write_json(
        progress,
        {
            "form": asdict(task.form),
            "archives": {name: _seen(archive) for name, archive in task.archives.items()},
            "pieces": {piece.name: asdict(state) for piece, state in zip(pieces, states, strict=True)},
        },
    )


def _seen(archive: Archive) -> list[int]:
    """What changes with a file."""
    return [archive.bytes, archive.modified]


def _described(task: Task) -> dict[str, Any]:
    """Where the folder comes from, for people: which figures it gives, records tell by its content."""
    return {
        "prepared": datetime.now(UTC).isoformat(timespec="seconds"),
        "archives": [
            {"name": name, "bytes": archive.bytes, "published_sha256": archive.published_sha256}
            for name, archive in task.archives.items()
        ],
        **asdict(task.form),
        "jpeg_quality": QUALITY if task.form.shorter_side else None,
    }
