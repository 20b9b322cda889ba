"""Fuzzing of what stands between the commands and the machine: files, locks, endings, and whole commands."""

import errno
import fcntl
import io
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.exit_status import exit_status_of
from core.files import exclusive_lock, is_held, written_atomically
from tests.support import REPOSITORY
from tests.support.commands import environment
from tests.support.fuzzing import fuzz
from tests.support.machine import STATUSES

ERRNOS = st.sampled_from(sorted(errno.errorcode))
OPERATIONS = (
    (tempfile, "mkstemp"),
    (os, "fdopen"),
    (os, "fsync"),
    (os, "chmod"),
    (os, "replace"),
    (os, "unlink"),
    (os, "open"),
    (os, "mkdir"),
    (fcntl, "flock"),
)


@contextmanager
def failing(faults: dict[int, int]) -> Iterator[None]:
    """Let the operations with these numbers, counted from 0 over all kinds, be refused with these errors."""
    count = 0

    def refusing(really: Callable) -> Callable:
        def operation(*arguments, **options):
            nonlocal count
            number, count = count, count + 1
            if number in faults:
                raise OSError(faults[number], os.strerror(faults[number]))
            return really(*arguments, **options)

        return operation

    with ExitStack() as stack:
        for module, name in OPERATIONS:
            stack.enter_context(mock.patch.object(module, name, refusing(getattr(module, name))))
        yield


@contextmanager
def at_most(size: int | None) -> Iterator[None]:
    """Let no file grow beyond some bytes: the system really refuses more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_bytes(file: io.BufferedWriter, value: bytes) -> None:
    file.write(value)


def write_in_pieces(file: io.BufferedWriter, value: bytes) -> None:
    for first in range(0, len(value), 1000):
        file.write(value[first : first + 1000])


def write_array(file: io.BufferedWriter, value: bytes) -> None:
    np.save(file, np.frombuffer(value, dtype=np.uint8))


def write_tensor(file: io.BufferedWriter, value: bytes) -> None:
    torch.save(torch.tensor(list(value), dtype=torch.uint8), file)


WRITERS = st.sampled_from((write_bytes, write_in_pieces, write_array, write_tensor))
FAULTS = st.dictionaries(st.integers(0, 8), ERRNOS, max_size=2)


def file_is_old_or_new(write: Callable, value: bytes, faults: dict[int, int], size: int | None, is_new: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected, path = Path(folder, "expected"), Path(folder, "deep/file")
        with open(expected, "wb") as file:
            write(file, value)
        if not is_new:
            path.parent.mkdir()
            path.write_bytes(b"old")
        try:
            with failing(faults), at_most(size), written_atomically(path) as file:
                write(file, value)
        except OSError as error:
            assert faults or size is not None
            assert error.errno and (error.filename is None or str(error.filename).startswith(folder))
            assert (path.read_bytes() == b"old") if not is_new else not path.exists()
        else:
            assert path.read_bytes() == expected.read_bytes()
        if (
            len(faults) + (size is not None) < 2 and path.parent.exists()
        ):  # else also what takes it away may have been refused
            assert {found.name for found in path.parent.iterdir()} <= {"file"}


def folder_is_held_or_refused(faults: dict[int, int], by_another: bool, looks: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if by_another:
            stack.enter_context(exclusive_lock(Path(folder)))
        with failing(faults):
            try:
                if looks:
                    assert is_held(Path(folder)) == by_another or faults
                else:
                    with exclusive_lock(Path(folder), patience=0):
                        assert not by_another
            except InputError as error:
                assert "\n" not in error.sentence and folder in error.sentence
                assert by_another or faults
            except OSError:
                assert faults
        assert is_held(Path(folder)) == by_another  # nothing stays locked


class Stream(io.TextIOWrapper):
    """A terminal or pipe of some encoding that refuses what is beyond some bytes."""

    def __init__(self, encoding: str, room: int | None, number: int) -> None:
        self.bytes = Bytes(room, number)
        super().__init__(io.BufferedWriter(self.bytes, 16), encoding=encoding)


class Bytes(io.RawIOBase):
    def __init__(self, room: int | None, number: int) -> None:
        self.content, self.room, self.number = b"", room, number

    def writable(self) -> bool:
        return True

    def write(self, value) -> int:
        if self.room is not None and len(self.content) + len(value) > self.room:
            raise OSError(self.number, os.strerror(self.number))
        self.content += bytes(value)
        return len(value)


EXCEPTIONS = st.sampled_from((InputError, ValueError, KeyError, MemoryError, RecursionError, UnicodeError, SystemExit))
NAMES = st.one_of(st.none(), st.text(), st.binary(), st.integers(3, 9))


def command_ends(
    outcome: BaseException | int,
    printed: str,
    encodings: tuple[str, str],
    rooms: tuple[int | None, int | None],
    number: int,
) -> None:
    def command() -> int:
        print(printed)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    stdout, stderr = (Stream(encoding, room, number) for encoding, room in zip(encodings, rooms, strict=True))
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(stdout), redirect_stderr(stderr):
        status = exit_status_of(command, [Path(folder)])
        reports = list(Path(folder).iterdir())
    for stream in (stdout, stderr):
        stream.bytes.room = None  # so that it may be closed
    said = stderr.bytes.content.decode(encodings[1])
    assert status in STATUSES and "Traceback" not in said
    if rooms[1] is None:
        assert len(said.splitlines()) <= 1
        assert bool(said) == (status in (2, 70, 130)) or isinstance(outcome, int | SystemExit)
    assert bool(reports) == (status == 70)


ODD = st.one_of(
    st.sampled_from((b"", b"0", b"-1", b"\xe9", b"~", b"/", b".", b"/dev/null", b"/dev/full", b"C", b"en_US.UTF-8")),
    st.binary(max_size=12).map(lambda value: value.replace(b"\0", b"")),
)
VARIABLES = st.sampled_from(
    (
        *("HOME", "TMPDIR", "LC_ALL", "LANG", "TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
        *("PYTHONIOENCODING", "XDG_CACHE_HOME", "SLURM_JOB_ID", "SLURM_CONF", "RANK", "OMP_NUM_THREADS"),
    )
)
ENCODINGS = (b"ascii", b"latin-1", b"utf-8", b"utf-16", b"ascii:strict", b":replace")
COMMANDS = (
    ("run_all.py", "status", "--only", "miniature", "--runs"),
    ("run_all.py", "status", "--json", "--only", "miniature", "--runs"),
    ("run_all.py", "--dry-run", "--only", "miniature", "--runs"),
    ("run_all.py", "verify", "--runs"),
    ("-m", "results"),
    ("-m", "results", "trace", "a/b/c/d/e"),
)


def command_on_an_odd_machine(
    command: tuple[str, ...], variables: dict[str, bytes], further: list[bytes], name: bytes
) -> None:
    if variables.get("PYTHONIOENCODING") not in ENCODINGS:  # another one ends Python before it comes to us
        variables.pop("PYTHONIOENCODING", None)
    with tempfile.TemporaryDirectory() as folder:
        runs = os.path.join(os.fsencode(folder), name.replace(b"/", b"") or b"runs")
        line = [sys.executable, *command, runs, *further]
        around = {os.fsencode(key): os.fsencode(value) for key, value in environment().items()}
        given_here = {os.fsencode(key): value for key, value in variables.items()}
        done = subprocess.run(line, cwd=REPOSITORY, env=around | given_here, capture_output=True, timeout=120)
    assert done.returncode in (0, 1, 2), (line, variables, done.stderr)
    assert b"Traceback" not in done.stderr, (line, variables, done.stderr)
    assert done.returncode != 2 or done.stderr.startswith((b"error: ", "error: ".encode("utf-16"))), done.stderr


ANY_TEXT = st.text(st.characters(codec=None))
ANY_ENCODING = st.sampled_from(("ascii", "latin-1", "utf-8", "utf-16"))
ROOM = st.one_of(st.none(), st.integers(0, 200))
OUTCOME = st.one_of(
    st.builds(lambda kind, text: kind(text), EXCEPTIONS, ANY_TEXT),
    st.builds(lambda number, name: OSError(number, os.strerror(number), name), ERRNOS, NAMES),
    st.sampled_from((0, 1, 2)),
)
CASE = st.one_of(
    st.tuples(
        st.just(file_is_old_or_new),
        WRITERS,
        st.binary(max_size=20_000),
        FAULTS,
        st.one_of(st.none(), st.integers(0, 25_000)),
        st.booleans(),
    ),
    st.tuples(st.just(folder_is_held_or_refused), FAULTS, st.booleans(), st.booleans()),
    st.tuples(
        st.just(command_ends),
        OUTCOME,
        ANY_TEXT,
        st.tuples(ANY_ENCODING, ANY_ENCODING),
        st.tuples(ROOM, ROOM),
        ERRNOS.filter(lambda number: number != errno.EINTR),  # on which Python tries again, as long as it is told
    ),
    st.tuples(
        st.just(command_on_an_odd_machine),
        st.sampled_from(COMMANDS),
        st.dictionaries(VARIABLES, ODD, max_size=4),
        st.lists(ODD, max_size=2),
        ODD,
    ),
)


def test_fuzz_whatever_the_machine_does():
    """A file is old or new, a folder held or not, a command ended with a sentence: never anything between."""

    @given(CASE)
    def test(case):
        check, *arguments = case
        check(*arguments)

    fuzz(test)
