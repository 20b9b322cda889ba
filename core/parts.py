"""What a job computes item by item, kept by part: when it is started again, it computes the items that are missing.

A part is a file with what was computed of some items, named by the digest of its content. It lies in a folder that is
named by a digest of everything that determines it, so that what was computed of anything else is not even looked at.
"""

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import interruption
from core.distributed import largest_over_ranks, on_any_rank, rank, wait_for_all, world_size
from core.files import remove_unfinished, written_atomically
from core.outputs import Columns, decoded, encoded
from core.workspace import PARTS_FOLDER, Workspace

SECONDS_A_PART = 30.0  # that a process loses at most when it is killed
BYTES_A_PART = 1 << 28  # that are collected at most

Compute = Callable[[Sequence[int]], Iterable[Mapping[str, Any]]]


def by_part(
    name: str, compute: Compute, items: int, determined_by: Mapping[str, Any], workspace: Workspace, unit: str
) -> list[Columns]:
    """What ``compute`` gives of every item, in their order; what an earlier start of the job has computed is not anew.

    To be called in all of a job's processes, each with items of its own, or each with all of them. All processes leave
    together when one of them was asked to stop, before the next item.

    Args:
        name: what is computed; within a job, other things of the same data need other names.
        compute: from the numbers of items, ascending, to named columns of each of them, in that order: arrays, tensors
            on any device or numbers. Asked once, and iterated over as far as the process comes.
        items: how many there are; they are numbered from 0.
        determined_by: what the columns depend on beside the job itself, such as the fingerprint of a data set: values
            that JSON has, and arrays, whose content counts.
        workspace: the job's; receives progress.
        unit: of an item, for the progress.

    Returns:
        For each item the columns as arrays.

    Raises:
        Interrupted: a process of the job was asked to stop; what all have computed is written.
        ValueError: two things would be kept under the same name.
    """
    if not workspace.keeps_parts:
        return [_arrays(columns) for columns in list(compute(range(items)))]
    parts = _Parts(_folder(name, items, determined_by, workspace))
    known = parts.read()
    missing = [number for number in range(items) if number not in known]
    computed = iter(compute(missing))
    for step in range(largest_over_ranks(len(missing))):
        if on_any_rank(bool(interruption.received())):
            parts.write()
            wait_for_all()
            raise interruption.Interrupted
        if step < len(missing):
            columns = next(computed, None)
            if columns is None:
                raise ValueError(f"of {name}, {len(missing)} items were to be computed, and {step} were given")
            parts.add(missing[step], columns)
            workspace.progress(items - len(missing) + step + 1, items, unit)
    parts.write()
    wait_for_all()
    known |= parts.written
    return [known[number] for number in range(items)]


@dataclass
class _Parts:
    """The parts in a folder, and what is collected for the next one."""

    folder: Path
    written: dict[int, Columns] = field(default_factory=dict)  # by this process
    _collected: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)
    _bytes: int = 0

    def read(self) -> dict[int, Columns]:
        """What the parts hold, by item; a damaged one is removed, and said to be."""
        remove_unfinished(self.folder)
        found: dict[int, dict[str, np.ndarray]] = {}
        for path in sorted(self.folder.glob("*.npz")):
            content = path.read_bytes()
            if path.name != _name(content):
                print(f"warning: The part {path} is damaged, and is computed anew.")
                path.unlink()
                continue
            for key, column in decoded(content).items():
                number, _, name = key.partition("/")
                found.setdefault(int(number), {})[name] = column
        return dict(found)

    def add(self, number: int, columns: Mapping[str, Any]) -> None:
        """Collect what was computed of an item; write what was collected, where that is enough for a part."""
        self._collected[number] = columns
        self._bytes += sum(getattr(column, "nbytes", 0) for column in columns.values())
        if self._bytes >= BYTES_A_PART or time.monotonic() - self._since >= SECONDS_A_PART:
            self.write()

    def write(self) -> None:
        """Make a part of what was collected since the last one."""
        if self._collected:
            of_items = {number: _arrays(columns) for number, columns in self._collected.items()}
            named = {f"{number}/{name}": it for number, columns in of_items.items() for name, it in columns.items()}
            content = encoded(named, zipfile.ZIP_STORED)  # numbers of networks hardly shrink
            with written_atomically(self.folder / _name(content)) as file:
                file.write(content)
            self.written |= of_items
            self._collected.clear()
        self._since, self._bytes = time.monotonic(), 0


def _name(content: bytes) -> str:
    """Of the file of a part; the sums within a zip archive don't cover its list of members."""
    return f"{hashlib.sha256(content).hexdigest()}.npz"


def _arrays(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: it.cpu().numpy() if isinstance(it, torch.Tensor) else np.asarray(it) for name, it in columns.items()}


def _folder(name: str, items: int, determined_by: Mapping[str, Any], workspace: Workspace) -> Path:
    """Where the parts of this process lie.

    Raises:
        ValueError: it has used the folder before.
    """
    of_process = [workspace.identity, name, items, rank(), world_size()]
    content = json.dumps([*of_process, determined_by], sort_keys=True, default=_content_of)
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    if digest in workspace.parts:
        raise ValueError(f"two things of one job are kept by part as {name!a}, expected another name for each")
    workspace.parts.add(digest)
    return workspace.folder / PARTS_FOLDER / digest


def _content_of(array: Any) -> list[Any]:
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        raise TypeError(f"parts are determined by values that JSON has, and arrays of numbers, not by {array!r}")
    digest = hashlib.sha256(np.ascontiguousarray(array).data)
    return [str(array.dtype), array.shape, digest.hexdigest()]
