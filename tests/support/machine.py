"""Machines that users have: full and read-only disks, mounts without locks, closed pipes, odd terminals."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.support.commands import environment

RUN_ALL = (sys.executable, str(REPOSITORY / "run_all.py"))
RESULTS = (sys.executable, "-m", "results")
STATUSES = (0, 1, 2, 70, 130, 141)  # all that a command may end with


def run(*line: str | Path, without: Sequence[str] = (), **variables: str) -> subprocess.CompletedProcess:
    """A command, run to its end in the repository, with some environment variables set and some taken away."""
    return subprocess.run(line, capture_output=True, cwd=REPOSITORY, env=_environment(without, variables), timeout=120)


def _environment(without: Sequence[str], variables: dict) -> dict:
    return {name: value for name, value in environment().items() if name not in without} | variables


def sentence_of(done: subprocess.CompletedProcess, status: int = 2) -> str:
    """The one line that a command ended with."""
    lines = os.fsdecode(done.stderr).splitlines()
    assert done.returncode == status and len(lines) == 1, (done.returncode, lines)
    return lines[0]


def shell(*commands: str) -> subprocess.CompletedProcess:
    """Shell commands as root of a mount namespace of their own, one after the other; the last one's outcome."""
    if not _may_mount():
        pytest.skip("this system lets no process mount anything in a namespace of its own")
    return run("unshare", "--mount", "--map-root-user", "sh", "-c", " && ".join(commands))


@cache
def _may_mount() -> bool:
    try:
        line = ("unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt")
        return subprocess.run(line, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def small_disk(folder: Path, kilobytes: int) -> str:
    """The shell command for a disk of that size at a folder."""
    return f"mount -t tmpfs -o size={kilobytes}k none {shlex.quote(str(folder))}"


def read_only(folder: Path) -> str:
    """The shell command by which a folder cannot be written to any more, not even by root."""
    place = shlex.quote(str(folder))
    return f"mount --bind {place} {place} && mount -o remount,ro,bind {place}"


def quoted(*line: str | Path) -> str:
    """A command for the shell."""
    return shlex.join(map(str, line))


def interrupted(line: Sequence[str | Path], is_ready: Callable[[], object]) -> subprocess.CompletedProcess:
    """A command that gets Ctrl-C as a terminal sends it, to all its processes, once ``is_ready``."""
    process = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        env=environment(),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    while not is_ready():
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(line, process.returncode, stdout, stderr)
