"""A process held to fewer instructions computes with them, says so, and refuses to compute otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError
from core.instructions import VARIABLES, require, variables_of
from slurm.environment import REPOSITORY
from slurm.jobs import Job
from slurm.local import LocalExecutor
from tests.test_executor import Events

CAPABILITY = "import torch; print(torch.backends.cpu.get_cpu_capability())"


@pytest.fixture(autouse=True)
def restored_environment():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_the_libraries_obey():
    said = subprocess.run(
        [sys.executable, "-c", CAPABILITY], env=os.environ | variables_of("avx2"), capture_output=True, text=True
    )
    assert said.stdout.strip() in ("AVX2", "DEFAULT", "NO AVX"), said.stderr  # the latter where there is none


@pytest.mark.parametrize("name", VARIABLES["avx2"])
def test_a_process_that_was_started_otherwise_computes_nothing(name):
    os.environ |= variables_of("avx2")
    require("avx2")
    os.environ[name] = "other"
    with pytest.raises(InputError, match=f"{name}=other"):
        require("avx2")
    require(None)


def test_a_job_starts_with_them_and_its_record_names_them(tmp_path):
    """In a process of its own: the server that starts jobs keeps the environment in which it was started."""
    program = "import sys; from tests.test_instructions import run_held_job; run_held_job(sys.argv[1])"
    line = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run_held_job(runs: str) -> None:
    job = Job("held", "tests.toy_stages:add", {"number": 1}, instructions="avx2")
    assert LocalExecutor(Path(runs), 1, Events()).run([job]) == []
    assert job.record(Path(runs)).arithmetic.held_to == "avx2"


def test_instructions_are_part_of_the_identity_where_they_are_named():
    free, held = (Job("same", "tests.toy_stages:add", {"number": 1}, instructions=name) for name in (None, "avx2"))
    assert free.identity != held.identity
