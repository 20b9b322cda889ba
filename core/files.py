"""Files that are either whole or not there, folders that one process holds at a time, digests."""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from core.errors import FULL, NO_LOCKS, InputError

UNFINISHED = ".part"  # ends the names of files that are not whole yet


@contextmanager
def written_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes its name only once everything was written to disk.

    A reader sees the old content or the new, never half of it; an exception inside the block leaves the old content.

    Raises:
        OSError: what the system refuses, with the path; also where a library has made another exception of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(descriptor, "wb") as file:
                try:
                    yield file
                except Exception as error:
                    if not isinstance(error, InputError):
                        _require_room(descriptor)
                    raise
                file.flush()
                os.fsync(descriptor)
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        except BaseException:
            with suppress(OSError):  # what went wrong first is what is told
                os.unlink(aside)
            raise


def remove_unfinished(folder: Path) -> None:
    """Remove what processes that were killed had half written; nobody may be writing into the folder."""
    for file in folder.glob(f".*{UNFINISHED}"):
        file.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the block that names no file, or one beside ``path``, name ``path``."""
    try:
        yield
    except OSError as error:
        named = error.filename
        if not isinstance(named, str) or named.startswith(str(path.parent / f".{path.name}.")):
            error.filename = str(path)
        raise


def _require_room(descriptor: int) -> None:
    """Find out whether the disk has room behind a file that could not be written, and is thrown away.

    torch and numpy raise errors of their own, which don't say what the system answered.

    Raises:
        OSError: it has not.
    """
    try:
        for _ in range(2):  # the first takes what little is left
            os.write(descriptor, bytes(1 << 20))
    except OSError as error:
        if error.errno in FULL:
            raise


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically; bytes of file names that are no text become escapes."""
    with written_atomically(path) as file:
        file.write(text.encode(errors="backslashreplace"))


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
DEFAULT_PATIENCE = 1.0  # so that a process that only looks whether a folder is held keeps nobody out


@contextmanager
def exclusive_lock(folder: Path, patience: float = DEFAULT_PATIENCE) -> Iterator[None]:
    """Keep every other process out of a folder for the length of the block; a process that ends lets go.

    Args:
        folder: made if it is not there.
        patience: seconds to wait for another process that holds it.

    Raises:
        InputError: another process holds it, and still does after ``patience``; or its file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)  # NFS locks what can be written
    try:
        end = time.monotonic() + patience
        while not _try_lock(lock, fcntl.LOCK_EX, folder):
            if time.monotonic() >= end:
                raise InputError(f"Another process is at work in {folder}: wait for it, or end it.")
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)  # a lock has no event to wait for with a limit
        yield
    finally:
        os.close(lock)


def is_held(folder: Path) -> bool:
    """Whether a process of this machine, or of another one where the file system shares locks, holds the folder.

    Needs nothing but to read. A file system without locks lets nobody hold a folder.
    """
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(lock, fcntl.LOCK_SH, folder)  # one that NFS gives to those who read
    except _NoLocksError:
        return False
    finally:
        os.close(lock)


class _NoLocksError(InputError):
    """A folder's file system has no locks."""


def _try_lock(lock: int, kind: int, folder: Path) -> bool:
    """Take a lock if nobody holds it otherwise; whether that was so."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            error.filename = str(folder / LOCK_FILE)
            raise
        raise _NoLocksError(
            f"The file system of {folder} has no locks ({error.strerror}), and without them two processes could write "
            "the same files: name a folder elsewhere with --runs, or have it mounted with locks that all machines "
            "share (Lustre: -o flock; NFS: without nolock, its lock service running)."
        ) from None
    return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
