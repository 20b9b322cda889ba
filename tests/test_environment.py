"""The environment: every package of the lock file once, and the Pythons for which make sets it up."""

import re
import subprocess
import sys

import pytest

from tests.support import REPOSITORY


def test_every_package_is_locked_once():
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    locked = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(exactly == "==" and version for _, exactly, version in locked)
    names = [re.sub(r"[-_.]+", "-", name).lower() for name, *_ in locked]
    assert len(set(names)) == len(names)


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Of the environment, as if nothing were installed; nothing is touched before a Python was found."""
    return subprocess.run(
        ["make", "--always-make", *arguments, "environment"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_make_takes_the_newest_python_that_runs(tmp_path):
    """A name of a newer one that leads nowhere, as version managers leave them, is passed over."""
    for name, content in (("python3.13", "exit 127"), ("python3.12", f'exec {sys.executable} "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{content}\n")
        (tmp_path / name).chmod(0o755)
    done = make("--dry-run", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert f'"{tmp_path}/python3.12" -m venv' in done.stdout and 'python3.13" -m venv' not in done.stdout


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false", "", "/no where/python"])
def test_make_says_which_pythons_serve(python):
    done = make(f"PYTHON={python}", PATH="/usr/bin:/bin")
    assert done.returncode == 2 and "error: Python 3.11, 3.12 or 3.13 is needed" in done.stdout
