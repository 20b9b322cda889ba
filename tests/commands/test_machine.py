"""The commands on machines as users have them: one sentence, a documented exit status, no traceback."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import sentence_about
from core.exit_status import exit_status_of
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from tests.support.machine import (
    REPOSITORY,
    RESULTS,
    RUN_ALL,
    interrupted,
    quoted,
    read_only,
    run,
    sentence_of,
    shell,
    small_disk,
)

MINIATURE = ("--only", "miniature", "--seeds", "100")  # one world
TRACE = "lowshot/voc07/mopro/webvision/k=4"


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Path:
    """A runs folder with a plan, in which nothing was run."""
    runs = tmp_path_factory.mktemp("planned")
    profile = load_profile("mini", [], None)
    write_plan(jobs_of(profile), profile.model_dump(mode="json"), profile.tables, runs / "mini")
    return runs


def of_runs(runs: Path) -> dict[str, tuple[str, ...]]:
    """Commands that are quick, and what they are called here."""
    return {
        "plan": (*RUN_ALL, "--dry-run", "--runs", str(runs)),
        "status": (*RUN_ALL, "status", "--runs", str(runs)),
        "json": (*RUN_ALL, "status", "--json", "--runs", str(runs)),
        "tables": (*RESULTS, "tables", str(runs / "mini")),
        "trace": (*RESULTS, "trace", TRACE, str(runs / "mini")),
    }


QUICK = tuple(of_runs(Path()))


@pytest.mark.parametrize("name", QUICK)
def test_nobody_reads_the_output(planned, name):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(of_runs(planned)[name], stdout=writer, stderr=subprocess.PIPE, cwd=REPOSITORY)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_nobody_reads_what_was_extracted(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pt")
    command = (sys.executable, "-m", "pretrain.extract_tensors", tmp_path / "old.pt", tmp_path / "new.pt")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=REPOSITORY)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"") and (tmp_path / "new.pt").exists()


@pytest.mark.parametrize("name", ("plan", "json"))
def test_a_closed_output_is_no_fault_and_no_files(planned, name):
    """What is printed must not land in a file that got the free number."""
    before = {path: path.read_bytes() for path in planned.rglob("*") if path.is_file()}
    done = run("sh", "-c", f"{quoted(*of_runs(planned)[name])} >&- <&-")
    assert done.returncode in (0, 1) and done.stderr == b""
    assert before == {path: path.read_bytes() for path in planned.rglob("*") if path.is_file()}


def test_an_output_without_room(planned):
    done = run("sh", "-c", f"{quoted(*of_runs(planned)['plan'])} >/dev/full")
    assert "The standard output cannot be used (No space left on device)" in sentence_of(done)


def test_interrupted_jobs_are_not_called_failed(tmp_path):
    line = [*RUN_ALL, *MINIATURE, "--runs", str(tmp_path)]
    done = interrupted(
        line, lambda: any("Fashion" in log.read_text() for log in tmp_path.glob("mini/miniature/*/log.txt"))
    )
    assert sentence_of(done, 130).startswith("interrupted: what is done stays")
    (log,) = tmp_path.glob("mini/miniature/*/log.txt")
    assert "Traceback" not in log.read_text() and not (log.parent / "error.json").exists()
    (job,) = json.loads(run(*RUN_ALL, "status", "--json", *MINIATURE, "--runs", tmp_path).stdout)
    assert job["state"] == "interrupted" and "goes on" in job["detail"]


def test_a_disk_that_is_full(tmp_path):
    sentence = sentence_of(shell(small_disk(tmp_path, 8), quoted(*RUN_ALL, *MINIATURE, "--runs", tmp_path)))
    assert str(tmp_path) in sentence and "No space left on device): make room there" in sentence


def test_jobs_whose_disk_becomes_full_say_so(tmp_path):
    """torch tells nothing of the disk; and a disk may be so full that no reason can be written on it."""
    program = (
        "import sys; from pathlib import Path; from tests.execution.test_executor import *\n"
        "for stage in ('fill_the_disk', 'leave_no_room'):\n"
        f"    ((failure,), _) = run([toy('full', stage)], Path({str(tmp_path)!r}))\n"
        "    print(failure.is_input_error, failure.reason)"
    )
    done = shell(small_disk(tmp_path, 4096), quoted(sys.executable, "-c", program))
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode().splitlines()
    assert len(said) == 2 and all(line.startswith(f"True {tmp_path}/full-") and "make room" in line for line in said)


def test_a_disk_that_cannot_be_written(planned):
    commands = of_runs(planned) | {"run": (*RUN_ALL, *MINIATURE, "--runs", str(planned))}
    for name, status in {"status": 1, "trace": 0, "run": 2, "tables": 2}.items():
        done = shell(read_only(planned), quoted(*commands[name]))
        assert done.returncode == status, (name, done.stderr)
        if status == 2:
            assert re.search(r"cannot be used \(Read-only file system\): name a place", sentence_of(done)), name
            assert str(planned) in sentence_of(done)


@pytest.mark.parametrize("kind", ("a file", "below a file", "a link to nothing", "a link to itself", "a long name"))
def test_places_that_are_no_folder(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "a long name":
        place = tmp_path / ("n" * 300)
    elif kind == "a link to nothing":
        place.symlink_to(tmp_path / "nowhere/at/all")
    elif kind == "a link to itself":
        place.symlink_to(place)
    else:
        place.write_text("")
    place = place / "runs" if kind == "below a file" else place
    sentence = sentence_of(run(*RUN_ALL, *MINIATURE, "--runs", place))
    assert str(tmp_path) in sentence and "cannot be used" in sentence


def test_relative_runs_are_below_the_working_folder(tmp_path):
    line = f"cd {quoted(tmp_path)} && {quoted(*RUN_ALL, 'status', '--json', *MINIATURE, '--runs', 'here/../there')}"
    done = run("sh", "-c", line)
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (1, b"", [])


@pytest.mark.parametrize("name", (b"caf\xe9", "a b'c\"d\n%j $HOME é".encode()))
def test_names_of_any_bytes_on_a_terminal_of_ascii(tmp_path, name):
    runs = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    variables = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = run(*RUN_ALL, "verify", "--runs", runs, **variables)
    assert b"build them first" in done.stderr and done.returncode == 2
    profile = load_profile("mini", [], None)
    write_plan(jobs_of(profile), profile.model_dump(mode="json"), profile.tables, runs / "mini")
    done = run(*RESULTS, runs / "mini", **variables)
    assert (done.returncode, done.stderr) == (0, b"")
    for path in runs.rglob("*.*"):
        path.read_text(encoding="utf-8")  # whole UTF-8


def test_no_job_runs_where_libraries_cannot_write(tmp_path):
    sentence = sentence_of(run(*RUN_ALL, *MINIATURE, "--runs", tmp_path / os.fsdecode(b"caf\xe9")))
    assert "caf\\udce9" in sentence and "no UTF-8 text" in sentence


def test_a_broken_image_whose_name_is_no_text(tmp_path):
    """It is named in the report, which is UTF-8 and JSON, and by its very bytes in the list of broken images."""
    folder, line = os.fsencode(tmp_path), b"google/caf\xe9.jpg"
    os.makedirs(folder + b"/google")
    with open(folder + b"/" + line, "wb") as file:
        file.write(b"no image")
    Image.new("RGB", (8, 8)).save(tmp_path / "google/whole.jpg")
    program = """
import sys, numpy as np
from pathlib import Path
from data.images import ImageTable
from data.paths import Paths
from data.verification.inspection import DataSet, Inspection, Split
from data.verification.report import Verifier
from core.exit_status import exit_status_of
folder = Path(sys.argv[1])
table = ImageTable(folder, Paths.of([b"google/caf\\xe9.jpg", b"google/whole.jpg"]), np.array([0, 1]), 2, folder)
split = Split("train", 2, lambda: Inspection(2, table))
report = lambda: Verifier(folder, None, 1, lambda *_: None).verify(DataSet("set", (split,)))
sys.exit(exit_status_of(lambda: print(report()["faults"][0]) or 1))
"""
    done = run(sys.executable, "-c", program, tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (1, b"") and b"caf" in done.stdout
    assert os.fsencode(json.loads((tmp_path / "set.json").read_text("utf-8"))["broken"][0]["path"]) == line
    assert (tmp_path / "set.broken.txt").read_bytes() == line + b"\n"


@pytest.mark.parametrize("variables", ({"COLUMNS": "0"}, {"COLUMNS": "²", "TERM": "dumb", "NO_COLOR": "1"}))
def test_terminals_of_every_kind(variables):
    """What is said of a job shows on each of them."""
    program = """
from core.exit_status import exit_status_of
from execution.display import TerminalDisplay
from tests.execution.test_executor import toy
def command():
    job = toy("job")
    with TerminalDisplay(1) as display:
        display.started(job)
        display.progress(job, 1, 2, "steps")
        display.finished(job)
    return 0
raise SystemExit(exit_status_of(command))
"""
    line = f"stty cols 0 rows 0; {quoted(sys.executable, '-c', program)}"
    done = run("script", "-qec", line, "/dev/null", **variables)
    assert done.returncode == 0 and b"[1/1] job (0 s) done" in done.stdout, done.stdout


def test_no_home_and_nowhere_for_temporary_files(tmp_path):
    line = (*RUN_ALL, "status", *MINIATURE, "--runs", tmp_path)
    assert run(*line, without=["HOME"], XDG_CACHE_HOME="", TMPDIR="/dev/null/nowhere").returncode == 1


def test_a_folder_for_temporary_files_whose_name_is_too_long_for_sockets(tmp_path):
    place = tmp_path / ("t" * 80)
    place.mkdir()
    done = run(*RUN_ALL, *MINIATURE, "--runs", tmp_path / "runs", TMPDIR=str(place))
    assert str(place) in sentence_of(done) and "set TMPDIR" in sentence_of(done)


@pytest.mark.parametrize("place", ("the runs folder", "the folder for temporary files"))
def test_a_defect_leaves_a_file_and_a_sentence(tmp_path, place):
    runs, other = tmp_path / "runs", tmp_path / "temporary"
    expected = runs if place == "the runs folder" else other
    expected.mkdir()
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import commands.status, run_all; "
    program += "commands.status.selection_of = lambda given: 1 / 0; sys.exit(run_all.main(sys.argv[1:]))"
    done = run(sys.executable, "-c", program, "status", "--runs", runs, TMPDIR=str(other))
    sentence = sentence_of(done, 70)
    assert "defect of the program (ZeroDivisionError: division by zero)" in sentence
    (report,) = expected.iterdir()
    assert str(report) in sentence and "Traceback" in report.read_text()


def test_too_little_memory_is_a_sentence(capsys):
    def command() -> int:
        raise MemoryError

    assert exit_status_of(command) == 2
    assert "not enough memory" in capsys.readouterr().err


@given(st.sampled_from(sorted(errno.errorcode)), st.one_of(st.none(), st.text(min_size=1), st.binary(min_size=1)))
def test_what_the_system_refuses_is_one_sentence_with_the_path(number, name):
    error = OSError(number, os.strerror(number), name)
    sentence = sentence_about(error)
    if sentence is not None:
        assert os.strerror(number) in sentence and sentence.endswith(".")
        assert name is None or os.fsdecode(name) in sentence
