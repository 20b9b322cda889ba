"""Commands on file systems without locks, or with those of NFS."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.expand import jobs_of
from profiles.load import load_profile
from tests.commands.test_machine import MINIATURE
from tests.support import REPOSITORY
from tests.support.machine import RUN_ALL, run, sentence_of

WITHOUT_LOCKS = """
import errno, fcntl, os
def flock(file, kind):
    raise OSError(errno.{name}, os.strerror(errno.{name}))
fcntl.flock = flock
"""
AS_ON_NFS = """
import errno, fcntl, os
really = fcntl.flock
def flock(file, kind):
    access = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE
    if access == (os.O_RDONLY if kind & fcntl.LOCK_EX else os.O_WRONLY):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    really(file, kind)
fcntl.flock = flock
"""


def with_locks(folder: Path, text: str) -> str:
    """A value of PYTHONPATH by which every process locks in another way."""
    (folder / "sitecustomize.py").write_text(text)
    return str(folder)


@pytest.mark.parametrize("name", ("ENOSYS", "ENOLCK"))
def test_a_file_system_without_locks(tmp_path, name):
    runs, path = tmp_path / "runs", with_locks(tmp_path, WITHOUT_LOCKS.format(name=name))
    sentence = sentence_of(run(*RUN_ALL, *MINIATURE, "--runs", runs, PYTHONPATH=path))
    assert str(runs) in sentence and os.strerror(getattr(errno, name)) in sentence
    assert "--runs" in sentence and "-o flock" in sentence
    (folder,) = jobs_folders(runs)
    (folder / "log.txt").write_text("")
    (folder / ".lock").write_text("")
    done = run(*RUN_ALL, "status", *MINIATURE, "--runs", runs, PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (1, b"") and b"interrupted" in done.stdout


def jobs_folders(runs: Path) -> list[Path]:
    folders = [
        job.folder(runs / "mini") for job in jobs_of(load_profile("mini", ["seeds=[100]"])) if job.kind == "miniature"
    ]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def test_locks_of_nfs(tmp_path):
    runs, path = tmp_path / "runs", with_locks(tmp_path, AS_ON_NFS)
    (folder,) = jobs_folders(runs)
    program = "import sys, time; from pathlib import Path; from core.files import exclusive_lock\n"
    program += "with exclusive_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program, folder],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        (folder / "log.txt").write_text("")
        line = (*RUN_ALL, "status", *MINIATURE, "--runs", runs)
        assert b"running" in run(*line, PYTHONPATH=path).stdout
        holder.kill()
        holder.wait()
        assert b"interrupted" in run(*line, PYTHONPATH=path).stdout  # a lock goes with its process
