"""The suite in throwaway folders, with a history of their own."""

import shutil
import subprocess
from pathlib import Path

from tests.support import REPOSITORY

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b")


def git(folder: Path, *arguments: str) -> str:
    line = ["git", "-C", str(folder), *IDENTITY, *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def copied_checkout(folder: Path) -> Path:
    """The suite in another folder, with a history of one commit."""
    for package in REPOSITORY.glob("*/__init__.py"):
        name = package.parent.name
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run_all.py", "requirements.lock", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=first")
    return folder
