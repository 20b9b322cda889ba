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
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core import cores
from core.cores import usable_cores
from core.errors import sentence_about
from core.exit_status import exit_status_of
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from slurm.allocations import KEPT, outside_allocations
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


# --- who reads ---


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


# --- Ctrl-C, and processes that the system ends ---


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


# --- disks ---


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
    done = shell(small_disk(tmp_path, 512), quoted(sys.executable, "-c", program))
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


# --- locks ---

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


# --- terminals and names ---


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


# --- homes, temporary folders ---


def test_no_home_and_nowhere_for_temporary_files(tmp_path):
    line = (*RUN_ALL, "status", *MINIATURE, "--runs", tmp_path)
    assert run(*line, without=["HOME"], XDG_CACHE_HOME="", TMPDIR="/dev/null/nowhere").returncode == 1


def test_a_folder_for_temporary_files_whose_name_is_too_long_for_sockets(tmp_path):
    place = tmp_path / ("t" * 80)
    place.mkdir()
    done = run(*RUN_ALL, *MINIATURE, "--runs", tmp_path / "runs", TMPDIR=str(place))
    assert str(place) in sentence_of(done) and "set TMPDIR" in sentence_of(done)


# --- processors ---


def test_as_many_processes_as_processors_that_may_be_used():
    line = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *RUN_ALL]
    for command in ([], ["verify"]):
        assert b"(default: 1)" in run(*line, *command, "--help", COLUMNS="200").stdout


def group(folder: Path, quota: str, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (folder / "cpu.max").write_text(f"{quota} 100000\n")
    else:
        (folder / "cpu.cfs_quota_us").write_text(f"{-1 if quota == 'max' else quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize("version", (1, 2))
@given(quotas=st.lists(st.one_of(st.just("max"), st.integers(1000, 10**6).map(str)), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_every_group_around_the_process_limits_it(tmp_path_factory, version, quotas):
    """Also where a container sees its own group as the root."""
    top = tmp_path_factory.mktemp("groups")
    folders = [top, top / "user.slice", top / "user.slice/job"]
    for folder, quota in zip(folders, quotas, strict=True):
        group(folder, quota, version)
    (top / "groups").write_text({1: "3:cpu,cpuacct:/user.slice/job\n", 2: "0::/user.slice/job\n"}[version])
    limits = set(cores._limits(top / "groups", (top,)))
    assert limits == {int(quota) / 100000 for quota in quotas if quota != "max"}


def test_never_less_than_one_processor(monkeypatch):
    monkeypatch.setattr(cores, "_limits", lambda: iter([0.01]))
    assert usable_cores() == 1


# --- the scheduler's environment ---

ALLOCATION = st.sampled_from(("SLURM_", "SBATCH_", "SRUN_", "SQUEUE_", "PMI_", "PMIX_", "OMPI_", "SLURMD_"))


@given(st.lists(st.tuples(ALLOCATION, st.from_regex(r"[A-Z_]{1,12}", fullmatch=True)), max_size=8))
@settings(max_examples=25, deadline=None)
def test_nothing_of_an_allocation_reaches_the_scheduler(parts):
    names = {prefix + rest for prefix, rest in parts} - set(KEPT)
    kept = {"SLURM_CONF": "/etc/slurm.conf", "OTHER": "1"}
    before = dict(os.environ)
    os.environ.update({**dict.fromkeys(names, "1"), **kept})
    try:
        with outside_allocations():
            assert not names & os.environ.keys() and kept.items() <= os.environ.items()
        assert names <= os.environ.keys()
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- defects ---


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
