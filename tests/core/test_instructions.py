"""A process held to fewer instructions computes with them, says so, and refuses to compute otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.declarations import Stage
from core.errors import InputError
from core.instructions import VARIABLES, held_to, missing_flags, require, require_processor, variables_of
from execution.environment import REPOSITORY
from execution.jobs import Job
from execution.local import LocalExecutor
from tests.execution.test_executor import Events

has_avx2 = pytest.mark.skipif(bool(missing_flags("avx2")), reason="the processor has no AVX2")
CAPABILITY = "import torch; print(torch.backends.cpu.get_cpu_capability())"


@pytest.fixture(autouse=True)
def restored_environment():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def forget_variables() -> None:
    for name in VARIABLES["avx2"]:
        os.environ.pop(name, None)


@has_avx2
def test_the_libraries_obey():
    said = subprocess.run(
        [sys.executable, "-c", CAPABILITY], env=os.environ | variables_of("avx2"), capture_output=True, text=True
    )
    assert said.stdout.strip() == "AVX2", said.stderr


@has_avx2
@pytest.mark.parametrize("name", VARIABLES["avx2"])
def test_a_process_that_was_started_otherwise_computes_nothing(name):
    os.environ |= variables_of("avx2")
    require("avx2")
    os.environ[name] = "other"
    with pytest.raises(InputError, match=f"{name}=other"):
        require("avx2")
    require(None)


@pytest.mark.parametrize(
    ("content", "lacks"),
    [
        ("processor\t: 0\nflags\t\t: fpu f16c fma avx avx2 bmi2\n\nprocessor\t: 1\n", None),
        ("processor\t: 0\nflags\t\t: fpu avx\nbugs\t\t: avx2 fma f16c\n", "no avx2 and no fma and no f16c, which"),
        ("flags : fpu f16c avx2_other fma avx2\n", None),
        ("flags : fpu f16c avx2\n", "no fma, which"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", "no avx2 and"),
    ],
)
def test_a_processor_without_them_is_refused_in_one_sentence(tmp_path, content, lacks):
    file = tmp_path / "cpuinfo"
    file.write_text(content)
    require_processor(None, file)
    if lacks is None:
        require_processor("avx2", file)
        return
    with pytest.raises(InputError, match=f"^This processor has {lacks} .* --set instructions=null"):
        require_processor("avx2", file)


def test_a_processor_that_cannot_be_asked_is_trusted(tmp_path):
    require_processor("avx2", tmp_path / "none")


def test_no_process_is_started_on_a_processor_without_them(tmp_path, monkeypatch):
    monkeypatch.setattr("core.instructions.missing_flags", lambda *_: ["avx2"])
    forget_variables()
    job = Job("held", Stage("add", "tests.support.toy_stages:add"), {"number": 1}, instructions="avx2")
    with pytest.raises(InputError, match="This processor has no avx2"):
        LocalExecutor(tmp_path, 1, Events()).run([job])
    assert list(tmp_path.iterdir()) == []
    assert held_to() == "none"


def test_what_holds_a_process_is_read_from_its_environment():
    forget_variables()
    assert held_to() == "none"
    os.environ |= {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": ""}
    assert held_to() == "ATEN_CPU_CAPABILITY=avx2, MKL_CBWR=AVX2"
    os.environ |= variables_of("avx2")
    assert held_to() == "avx2"


@has_avx2
def test_a_job_starts_with_them_and_its_record_names_them(tmp_path):
    """In a process of its own: the server that starts jobs keeps the environment in which it was started."""
    program = "import sys; from tests.core.test_instructions import run_held_job; run_held_job(sys.argv[1])"
    line = [sys.executable, "-c", program, str(tmp_path)]
    free = {name: value for name, value in os.environ.items() if name not in VARIABLES["avx2"]}
    done = subprocess.run(line, cwd=REPOSITORY, env=free, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run_held_job(runs: str) -> None:
    job = Job("held", Stage("add", "tests.support.toy_stages:add"), {"number": 1}, instructions="avx2")
    assert LocalExecutor(Path(runs), 1, Events()).run([job]) == []
    assert job.record(Path(runs)).arithmetic.held_to == "avx2"
    job = Job("free", Stage("add", "tests.support.toy_stages:add"), {"number": 1})
    assert LocalExecutor(Path(runs), 1, Events()).run([job]) == []  # by the same server, which still has the variables
    assert job.record(Path(runs)).arithmetic.held_to == "avx2"


def test_instructions_are_part_of_the_identity_where_they_are_named():
    free, held = (
        Job("same", Stage("add", "tests.support.toy_stages:add"), {"number": 1}, instructions=name)
        for name in (None, "avx2")
    )
    assert free.identity != held.identity


def test_another_architecture_is_held_to_nothing(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    for name in VARIABLES["avx2"]:
        monkeypatch.delenv(name, raising=False)
    require("avx2")
    assert held_to() == "none" and variables_of("avx2") == {}
