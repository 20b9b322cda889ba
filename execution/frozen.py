"""The code that jobs compute with: a copy of the suite's files, one for each content, that processes import from.

A checkout may change while jobs wait, run, or are queued again months later; what they run does not. A copy holds what
can be imported from, and read beside, the running suite: its packages with all files of theirs, in a checkout as they
are, whether committed or not. Users' own files are copied too, each by itself, as its digest is part of its jobs'
identities anyway. Commit and difference are notes for readers: what tells one copy from another is its content.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError
from core.files import UNFINISHED, read_whole, write_json, written_atomically
from core.user_code import loaded_files
from execution.jobs import Job
from results.schema import Code

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = "code"  # below a profile's runs
NOTE_FILE = "code.json"  # in a copy: commit, whether it differs, the file with the difference
COMMAND, LOCK_FILE = "run_all.py", "requirements.lock"
SUFFIXES = (".py", ".yaml", ".csv", ".json", ".txt", ".css", ".html")  # of a package's files; data may lie beside them
WHERE_NAMED = ("tests", "benchmarks")  # packages that no job needs but those whose stages lie there
POINTING_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # variables of git, as its hooks set them


@dataclass(frozen=True)
class Snapshot:
    """A copy of the code, and the users' files that go with it.

    Attributes:
        runs: the profile's folder, in which it lies.
        code: what it is.
        own: digests of users' files, by the paths that profiles and jobs name them by.
    """

    runs: Path
    code: Code
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What processes import from."""
        return self.runs / FOLDER / str(self.code.snapshot_sha256)

    @property
    def copies(self) -> dict[str, Path]:
        """Where the copies of users' files lie, by the paths of the originals."""
        return {path: self.runs / FOLDER / digest / Path(path).name for path, digest in self.own.items()}

    def require(self) -> None:
        """Make sure that the copy is whole, and that it, or an equal one, is what this process has imported.

        Raises:
            InputError: it is not.
        """
        require_whole(self.folder)
        if not self._is_imported():
            raise InputError(
                f"This process has imported the suite from {REPOSITORY} and not from {self.folder}, the code of the "
                "job: let nothing set PYTHONPATH (such as a line of slurm.setup), and give the same command again."
            )

    def _is_imported(self) -> bool:
        """Whether this process comes from the copy, or from one that differs in which packages it has alone."""
        if REPOSITORY.name == self.folder.name:
            return True
        if not (REPOSITORY / NOTE_FILE).exists():
            return False
        imported = _files(REPOSITORY)
        return all(imported.get(name, content) == content for name, content in _files(self.folder).items())


def freeze(runs: Path, jobs: Iterable[Job]) -> Snapshot:
    """Copy the running suite, and the users' files that this process has read, below ``runs``, where not yet there.

    Args:
        runs: the profile's folder.
        jobs: what is to be run.

    Raises:
        InputError: a copy that is there has been changed.
    """
    files = _files(REPOSITORY, _left_out(jobs))
    digest = _digest(files)
    folder = runs / FOLDER / digest
    code, difference = _described(files, digest)
    if folder.exists():
        require_whole(folder)
    else:
        _copy(files, code, folder)
    if code.difference is not None and not (runs / code.difference).exists():
        with written_atomically(runs / code.difference) as file:
            file.write(difference)
    own = loaded_files()
    snapshot = Snapshot(runs, code, {path: file.sha256 for path, file in own.items()})
    for path, copy in snapshot.copies.items():
        if not copy.exists():
            with written_atomically(copy) as file:
                file.write(own[path].content)
    return snapshot


def digest_of_code(jobs: Iterable[Job]) -> str:
    """What a copy of the running suite for these jobs would be called; writes nothing."""
    return _digest(_files(REPOSITORY, _left_out(jobs)))


def require_whole(folder: Path) -> None:
    """Make sure that a copy is there, and holds what it is named after.

    Raises:
        InputError: it is gone, or was changed.
    """
    if not folder.is_dir():
        raise InputError(missing(folder))
    if _digest(_files(folder)) != folder.name:
        raise InputError(
            f"The folder {folder} no longer holds the code that it is named after: restore it from a backup, or remove "
            "it and give the command again with --code new."
        )


def missing(folder: Path) -> str:
    """The sentence about a copy that is gone."""
    return (
        f"The folder {folder} with the code of this job is not there: restore it from a backup, or give the command "
        "again with --code new."
    )


def _left_out(jobs: Iterable[Job]) -> set[str]:
    used = {job.stage.code.partition(".")[0] for job in jobs if job.stage.sha256 is None}
    return set(WHERE_NAMED) - used


def _files(root: Path, left_out: Iterable[str] = ()) -> dict[str, bytes]:
    """The content of every file of the suite below a folder, by relative path, in order."""
    found = [name for name in (COMMAND, LOCK_FILE) if (root / name).exists()]
    with os.scandir(root) as top:
        folders = [entry.name for entry in top if entry.name not in left_out and _is_package(entry)]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.name.endswith(SUFFIXES) and not entry.name.startswith(".") and entry.is_file():
                    found.append(name)
                elif _is_package(entry):
                    folders.append(name)
    return {name: read_whole(f"{root}/{name}") for name in sorted(found)}


def _is_package(entry: os.DirEntry) -> bool:
    return entry.is_dir() and os.path.exists(f"{entry.path}/__init__.py")


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, content in files.items():
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _copy(files: Mapping[str, bytes], code: Code, folder: Path) -> None:
    """Write all files, then give the folder its name; another process may do the same at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:8]}.", suffix=UNFINISHED))
    try:
        for parent in {(aside / name).parent for name in files}:
            parent.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = aside / name
            path.write_bytes(content)
            path.chmod(0o444)  # not edited by mistake
        write_json(aside / NOTE_FILE, code.model_dump(mode="json"))
        aside.chmod(0o755)
        aside.rename(folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # the other process was first, with the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _described(files: Mapping[str, bytes], digest: str) -> tuple[Code, bytes]:
    """Commit and difference of the running suite; of a copy, what was noted when it was made.

    Without git, or outside what it knows, nothing is known of them.
    """
    if (REPOSITORY / NOTE_FILE).exists():
        code = Code.model_validate_json((REPOSITORY / NOTE_FILE).read_bytes())
        noted = REPOSITORY / Path(code.difference).name if code.difference else None
        return code, noted.read_bytes() if noted and noted.exists() else b""
    try:
        commit, difference = _asked_of_git(files)
    except (OSError, subprocess.CalledProcessError):
        return Code(snapshot_sha256=digest), b""
    place = f"{FOLDER}/{digest}/difference-{commit[:10]}.patch" if difference else None
    return Code(commit=commit, differs=bool(difference), snapshot_sha256=digest, difference=place), difference


def _asked_of_git(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The commit, and the difference from it to these files, as ``git apply`` takes it; empty where there is none."""
    environment = {key: value for key, value in os.environ.items() if key not in POINTING_ELSEWHERE}
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # to look changes nothing

    def git(*arguments: str, may_differ: bool = False) -> bytes:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        done = subprocess.run(command, capture_output=True, env=environment)
        if done.returncode and not (may_differ and done.returncode == 1):
            raise subprocess.CalledProcessError(done.returncode, command)
        return done.stdout

    commit = git("rev-parse", "HEAD", "HEAD:./core").split()[0].decode()  # fails where it knows the surroundings alone
    tops = sorted({name.partition("/")[0] for name in files})
    options = ("--binary", "--no-color", "--no-ext-diff", "--no-textconv")
    difference = git("diff", *options, "--relative", "HEAD", "--", *tops)
    unknown = git("ls-files", "-z", "--others", "--", *tops).decode(errors="surrogateescape").split("\0")
    for name in unknown:
        if name in files:
            difference += git("diff", *options, "--no-index", "--", os.devnull, name, may_differ=True)
    return commit, difference
