"""Every start of a job, noted in its folder when it begins and when it ends: a job's cost is that of all of them."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from core.errors import InputError
from core.files import LOCK_FILE, write_text
from core.interruption import Interrupted
from execution.environment import peak_gpu_memory, peak_memory, scheduler_id
from execution.resources import Resources
from results.schema import Code, Cost, End, Part, Start

STARTS_FILE = "starts.json"
OF_A_NEW_START = re.compile(rf"{re.escape(LOCK_FILE)}|log(\.rank\d+)?\.txt")  # files that it has touched by then
NEAR_THE_LIMIT = 0.8  # share of the time limit from which a request to stop is put down to it, as submitit does


class Starts(Part):
    """The content of ``starts.json``.

    Attributes:
        code: what ran, each once, in order.
        starts: in order.
    """

    code: list[Code] = Field(default_factory=list)
    starts: list[Start] = Field(default_factory=list)


class Attempt:
    """The start that is going on, after all earlier ones.

    Args:
        folder: the job's own.
        resources: what the job occupies.
        code: what runs.
        host: the machine's name, where it is to be noted.
    """

    def __init__(self, folder: Path, resources: Resources, code: Code, host: str | None = None) -> None:
        self.folder, self.resources = folder, resources
        before = _read(folder)
        for start in before.starts:
            if start.end is None:
                _end(start, "killed", max(_last_activity(folder) - _seconds(start.began), 0), resources.all_gpus)
        earlier = [number for number, it in enumerate(before.code) if _is_same(it, code)]
        self.code = before.code if earlier else [*before.code, code]
        number = earlier[0] if earlier else len(before.code)
        began = datetime.now(UTC).isoformat()
        self._now = Start(began=began, scheduler_id=scheduler_id(), code=number, host=host)
        self._starts = [*before.starts, self._now]
        self._clock = time.monotonic()
        self._write()

    def end(self, how: End) -> None:
        """Note how this start ended, and what it took."""
        _end(self._now, how, self.seconds, self.resources.all_gpus)
        self._write()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._clock

    @property
    def cost(self) -> Cost:
        """Of all starts that have ended."""
        return Cost(
            seconds=sum(start.seconds or 0.0 for start in self._starts),
            gpu_hours=sum(start.gpu_hours or 0.0 for start in self._starts),
            peak_memory=peak_memory(),
            peak_gpu_memory=peak_gpu_memory(),
            starts=self._starts,
        )

    def _write(self) -> None:
        content = Starts(code=self.code, starts=self._starts)
        write_text(self.folder / STARTS_FILE, content.model_dump_json(indent=2) + "\n")


@contextmanager
def attempt(folder: Path, resources: Resources, code: Code, host: str | None = None) -> Iterator[Attempt]:
    """A start of a job, for the length of the block, which says itself when it is done; what interrupts it is noted.

    Raises:
        InputError: the note of earlier starts is damaged.
    """
    noted = Attempt(folder, resources, code, host)
    try:
        yield noted
    except Interrupted:
        is_late = noted.seconds > NEAR_THE_LIMIT * 3600 * resources.hours
        noted.end("time limit" if is_late else "preempted")
        raise
    except BaseException:
        noted.end("failed")
        raise


def code_of_last_start(folder: Path) -> Code | None:
    """What ran when the job was last started; None where it never was.

    Raises:
        InputError: the note of its starts is damaged.
    """
    noted = _read(folder)
    if not noted.starts or noted.starts[-1].code is None:
        return None
    return noted.code[noted.starts[-1].code]


def keep_last_activity(folder: Path) -> None:
    """Before files of the last start are removed: note how long it lived."""
    if (folder / STARTS_FILE).exists():
        alive = _last_activity(folder)
        os.utime(folder / STARTS_FILE, (alive, alive))


def _is_same(one: Code, other: Code) -> bool:
    """Whether two notes are of the same code: of the same content, which several commits may have."""
    return one == other if other.snapshot_sha256 is None else one.snapshot_sha256 == other.snapshot_sha256


def _end(start: Start, how: End, seconds: float, gpus: int) -> None:
    start.end, start.seconds, start.gpu_hours = how, seconds, gpus * seconds / 3600


def _read(folder: Path) -> Starts:
    path = folder / STARTS_FILE
    try:
        return Starts.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Starts()
    except ValidationError:
        raise InputError(
            f"{path}, the note of what the job has cost so far, is damaged: restore it from a backup, or remove it, "
            "and the record will hold the cost from now on alone."
        ) from None


def _seconds(began: str) -> float:
    return datetime.fromisoformat(began).timestamp()


def _last_activity(folder: Path) -> float:
    """When a process last wrote what it computed, or its progress, into the job's folder; in seconds since 1970."""
    files = (path for path in folder.rglob("*") if path.is_file() and not OF_A_NEW_START.fullmatch(path.name))
    return max(path.stat().st_mtime for path in files)
