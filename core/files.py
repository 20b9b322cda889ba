"""Files that are either whole or not there, folders that one process holds at a time, digests."""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core.errors import InputError


@contextmanager
def written_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes its name only once everything was written to disk.

    A reader sees the old content or the new, never half of it; an exception inside the block leaves the old content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with written_atomically(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


READ_AT_ONCE = 1 << 18


def read_whole(path: str | bytes) -> bytes:
    """The content of a file; of thousands of small ones in half of the time that file objects take.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, READ_AT_ONCE), b""))
    finally:
        os.close(descriptor)


LOCK_FILE = ".lock"
SECONDS_BETWEEN_ATTEMPTS = 0.5


@contextmanager
def held_alone(folder: Path, patience: float = 0) -> Iterator[None]:
    """Keep every other process out of a folder for the length of the block; a process that ends lets go.

    Args:
        folder: made if it is not there.
        patience: seconds to wait for another process that holds it.

    Raises:
        InputError: another process holds it, and still does after ``patience``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK_FILE, "w") as lock:
        end = time.monotonic() + patience
        while not _is_locked_with(lock):
            if time.monotonic() >= end:
                raise InputError(f"Another process is at work in {folder}: wait for it, or end it.")
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)  # a lock has no event to wait for with a limit
        yield


def is_held(folder: Path) -> bool:
    """Whether a process of this machine, or of another one where the file system shares locks, holds the folder."""
    try:
        with open(folder / LOCK_FILE) as lock:
            return not _is_locked_with(lock)
    except FileNotFoundError:
        return False


def _is_locked_with(lock: IO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
