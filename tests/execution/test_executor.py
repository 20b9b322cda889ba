"""Plans of toy stages on the local executor, in real processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from core.cores import usable_cores
from core.declarations import Stage
from core.errors import InputError
from core.files import UNFINISHED, sha256_of
from core.workspace import PARTS_FOLDER
from execution import environment
from execution.frozen import REPOSITORY
from execution.jobs import Job, topologically_sorted
from execution.local import Failure, LocalExecutor
from execution.resources import Resources
from results.records import UnusableRecordError
from slurm.scheduler import Scheduler
from slurm.states import State, read_states
from tests.support.commands import records


class Events:
    """A display that remembers."""

    def __init__(self):
        self.ended: list[tuple[str, str]] = []

    def started(self, job):
        pass

    def progress(self, job, done, total, unit):
        pass

    def finished(self, job):
        self.ended.append((job.name, "done"))

    def failed(self, failure: Failure):
        self.ended.append((failure.job.name, "failed"))


def toy(name: str, stage: str = "add", number=1, needs=(), **resources) -> Job:
    inputs = {job.name: job for job in needs}
    return Job(
        name,
        Stage(stage, f"tests.support.toy_stages:{stage}"),
        {"number": number},
        needs=inputs,
        resources=Resources(**resources),
    )


def run(jobs: list[Job], runs: Path, parallel: int = 2) -> tuple[list[Failure], list[tuple[str, str]]]:
    events = Events()
    return LocalExecutor(runs, parallel, events).run(topologically_sorted(jobs)), events.ended


def calls(job: Job, runs: Path) -> int:
    return len((job.folder(runs) / "calls").read_text().split())


def test_results_flow_from_job_to_job_and_nothing_runs_twice(tmp_path):
    first = toy("first")
    second, third = toy("second", number=10, needs=[first]), toy("third", number=100, needs=[first])
    last = toy("last", number=1000, needs=[second, third])
    failures, ended = run([last], tmp_path)
    assert not failures
    assert (ended[0][0], ended[-1][0]) == ("first", "last")
    assert last.record(tmp_path).metrics["sum"].value == 1000 + (10 + 1) + (100 + 1)
    assert run([last], tmp_path) == ([], [])
    changed = toy("third", number=200, needs=[first])
    run([toy("last", number=1000, needs=[second, changed])], tmp_path)
    assert [calls(job, tmp_path) for job in (first, second, third, changed)] == [1, 1, 1, 1]


def test_the_longest_of_the_jobs_that_could_start_does(tmp_path):
    first = toy("first", hours=0.1)
    short, longest, after = (
        toy("short", number=2, hours=0.1),
        toy("longest", number=3, hours=3),
        toy("after", needs=[first], hours=2),
    )
    _, ended = run([first, short, longest, after], tmp_path, parallel=1)
    assert [name for name, _ in ended] == ["longest", "first", "after", "short"]


def test_a_record_says_where_it_comes_from(tmp_path):
    first = toy("first")
    second = toy("second", needs=[first])
    run([second], tmp_path)
    record = second.record(tmp_path)
    assert record.inputs == {"first": first.identity}
    assert record.identity == second.identity
    assert record.provenance == {"note": "added"}
    assert all(code.commit is None or len(code.commit) == 40 for code in record.code)
    assert {"torch", "numpy", "scipy", "scikit-learn"} <= record.environment.packages.keys()
    assert record.environment.lock_sha256 == sha256_of(REPOSITORY / "requirements.lock")
    assert record.environment.cuda == (torch.version.cuda or "none")
    if not torch.cuda.is_available():
        assert (record.hardware.gpu, record.hardware.gpu_memory) == ("none", 0)
    assert record.environment.blas and record.arithmetic.instruction_set
    assert record.cost.peak_memory > 10**7
    (start,) = record.cost.starts
    assert (start.end, start.seconds, start.code) == ("done", record.cost.seconds, 0)


def test_a_failure_stops_what_needs_it_and_nothing_else(tmp_path):
    broken = toy("broken", "crash")
    blocked = toy("blocked", needs=[broken])
    failures, ended = run([toy("blocked-twice", needs=[blocked]), toy("independent")], tmp_path)
    assert ("independent", "done") in ended
    reasons = {failure.job.name: failure.reason for failure in failures}
    assert reasons == {
        "broken": "ZeroDivisionError: a defect",
        "blocked": "needs broken, which failed",
        "blocked-twice": "needs blocked, which failed",
    }
    assert "Traceback" in next(f.log for f in failures if f.job is broken).read_text()
    assert not blocked.folder(tmp_path).exists()


def test_unusable_input_gives_its_sentence_without_a_traceback(tmp_path):
    ((failure,), _) = run([toy("refused", "refuse")], tmp_path)
    assert failure.is_input_error
    assert failure.reason == "The file x holds y, expected z."
    assert "Traceback" not in failure.log.read_text()


def test_a_killed_job_is_named_and_runs_again(tmp_path):
    job = toy("killed", "be_killed")
    ((failure,), _) = run([job], tmp_path)
    assert failure.reason.startswith("ended by SIGKILL: the system probably had no memory left; let fewer jobs run")
    assert read_states([job], tmp_path, {}, Scheduler(None))[0].state is State.FAILED
    assert job.record(tmp_path) is None
    part = job.folder(tmp_path) / f".state.pt.12345678{UNFINISHED}"
    part.touch()
    assert run([job], tmp_path)[0] == []
    assert not part.exists(), "what was half written when it was killed"


@pytest.mark.parametrize(("number", "reason"), [(7, "ended by SIGBUS: shared memory"), (15, "ended by SIGTERM")])
def test_every_signal_is_named(tmp_path, number, reason):
    ((failure,), _) = run([toy("ended", "end_by_signal", number)], tmp_path)
    assert failure.reason.startswith(reason)


def test_two_equal_runs_differ_in_their_cost_alone(tmp_path):
    """One of them is killed first: that too is a matter of cost."""
    job = toy("killed", "be_killed")
    for runs in (tmp_path / "disturbed", tmp_path / "disturbed", tmp_path / "other"):
        (job.folder(tmp_path / "other")).mkdir(parents=True, exist_ok=True)
        (job.folder(tmp_path / "other") / "mark").touch()
        run([job], runs)
    first, second = (records(tmp_path / name) for name in ("disturbed", "other"))
    assert first == second and len(first) == 1


def test_the_cost_of_a_killed_start_counts_too(tmp_path):
    job = toy("killed", "be_killed")
    for _ in range(2):
        run([job], tmp_path)
    first, second = job.record(tmp_path).cost.starts
    assert (first.end, second.end) == ("killed", "done")
    assert job.record(tmp_path).cost.seconds == first.seconds + second.seconds


@pytest.mark.parametrize(("hours", "end"), [(1, "preempted"), (1e-9, "time limit")])
def test_a_start_that_was_stopped_on_request_says_why(tmp_path, hours, end):
    job = toy("paused", "ask_for_a_pause", hours=hours)
    for _ in range(2):
        run([job], tmp_path)
    assert [start.end for start in job.record(tmp_path).cost.starts] == [end, "done"]


def test_parts_last_until_there_is_a_record(tmp_path):
    job = toy("by-part", "stop_between_items")
    parts = job.folder(tmp_path) / PARTS_FOLDER
    run([job], tmp_path)
    assert job.record(tmp_path) is None and list(parts.glob("*/*.npz"))
    run([job], tmp_path)
    record = job.record(tmp_path)
    assert record.metrics["sum"].value == 6 and not parts.exists()
    assert [start.end for start in record.cost.starts] == ["preempted", "done"]
    assert (job.folder(tmp_path) / "computed").read_text() == "0\n1\n2\n3\n"


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ({"value": float("nan")}, "metrics.figure.value: input should be a finite number, found nan"),
        ({"value": float("-inf")}, "metrics.figure.value: input should be a finite number, found -inf"),
        ({"value": 250}, "metrics: figure is 250 %, and a percentage lies between 0 and 100"),
        ({"value": -0.5}, "metrics: figure is -0.5 %, and"),
        ({"value": 50, "spread": -1}, "metrics.figure.spread: input should be greater than or equal to 0, found -1.0"),
        ({"value": 50, "spread": float("inf")}, "metrics.figure.spread: input should be a finite number"),
    ],
)
def test_a_figure_that_cannot_be_right_is_no_record(tmp_path, figure, said):
    job = toy("measured", "measure", number={name: str(value) for name, value in figure.items()})
    ((failure,), _) = run([job], tmp_path)
    assert failure.reason.startswith(f"The stage measure gave what cannot be right ({said}")
    assert "Traceback" not in failure.log.read_text()
    assert not (job.folder(tmp_path) / "record.json").exists()
    (start,) = json.loads((job.folder(tmp_path) / "starts.json").read_text())["starts"]
    assert start["end"] == "failed"


def test_what_a_stage_says_is_finite_too(tmp_path):
    stage = Stage("measure", "tests.support.toy_stages:measure")
    job = Job("measured", stage, {"number": {"value": "1"}, "said": "inf"})
    ((failure,), _) = run([job], tmp_path)
    assert "(provenance: said is inf, which is no finite number)" in failure.reason
    assert not (job.folder(tmp_path) / "record.json").exists()


SPOILT = {
    "edited": lambda text: text.replace('"value": 1.0', '"value": 99.9'),
    "damaged": lambda text: text[: len(text) // 2],
    "of another job": lambda text: text.replace("first", "other"),
    "empty": lambda text: "",
}


@pytest.mark.parametrize("change", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_record_is_kept_and_holds_back_what_needs_it(tmp_path, change):
    first = toy("first")
    second = toy("second", needs=[first])
    third = toy("third", needs=[second])
    run([first], tmp_path)
    path = first.folder(tmp_path) / "record.json"
    whole = path.read_text()
    path.write_text(change(whole))
    spoilt = path.read_text()
    failures, ended = run([third, toy("independent", number=7)], tmp_path)
    assert ended == [("independent", "done")]
    assert {failure.job.name: failure.is_input_error for failure in failures} == dict.fromkeys(
        ("first", "second", "third"), True
    )
    assert failures[0].reason.startswith(f"The record {path} ")
    assert "restore it from a backup, or remove it and give the command" in failures[0].reason
    assert failures[1].reason == "needs first, which is held back"
    assert path.read_text() == spoilt
    states = {
        state.job.name: state.state
        for state in read_states(topologically_sorted([third]), tmp_path, {}, Scheduler(None))
    }
    assert states == dict.fromkeys(("first", "second", "third"), State.HELD_BACK)
    with pytest.raises(UnusableRecordError):
        first.record(tmp_path)
    path.write_text(whole)
    assert not run([third], tmp_path)[0]
    assert calls(first, tmp_path) == 1
    path.unlink()
    assert not run([third], tmp_path)[0]
    assert calls(first, tmp_path) == 2


def test_a_model_that_its_job_did_not_write_is_not_used(tmp_path):
    """Whole in itself, as from another run: its sums are right."""
    first, second = toy("first", "write_a_model", number=1), toy("second", "write_a_model", number=2)
    third = toy("third", needs=[first])
    run([first, second], tmp_path)
    path = first.folder(tmp_path) / "model.pt"
    path.write_bytes((second.folder(tmp_path) / "model.pt").read_bytes())
    ((failure,), _) = run([third], tmp_path)
    assert failure.is_input_error and failure.reason.startswith(f"The model {path} is not the one that first wrote:")
    (first.folder(tmp_path) / "record.json").unlink()  # as the sentence advises
    assert run([third], tmp_path)[0] == []


def test_the_state_of_a_job_may_be_asked_without_those_that_are_done(tmp_path):
    first = toy("first")
    second = toy("second", needs=[first])
    run([first], tmp_path)
    assert [state.state for state in read_states([second], tmp_path, {}, Scheduler(None))] == [State.NOT_STARTED]


def test_a_folder_that_cannot_be_read_as_a_record_holds_back_too(tmp_path):
    job = toy("first")
    (job.folder(tmp_path) / "record.json").mkdir(parents=True)
    ((failure,), _) = run([job], tmp_path)
    assert "cannot be read (Is a directory)" in failure.reason


DRIVERS = {
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12.3.0\n": (
        "535.104.05"
    ),
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (root@x)\n": "550.54.14",
    "": "none",
}


@pytest.mark.parametrize(("text", "version"), DRIVERS.items())
def test_the_driver_is_named(tmp_path, monkeypatch, text, version):
    (tmp_path / "version").write_text(text)
    monkeypatch.setattr(environment, "DRIVER_FILE", tmp_path / "version")
    assert environment.environment(None).driver == version


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "none"),
        ({"SLURM_JOB_ID": "12"}, "12"),
        ({"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "1"}, "12_1"),
    ],
)
def test_the_schedulers_number_is_the_one_its_commands_take(monkeypatch, variables, expected):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.scheduler_id() == expected


def test_a_damaged_note_of_starts_is_said_before_anything_is_computed(tmp_path):
    job = toy("first")
    (job.folder(tmp_path)).mkdir(parents=True)
    (job.folder(tmp_path) / "starts.json").write_text('{"starts": [')
    ((failure,), _) = run([job], tmp_path)
    assert "starts.json, the note of what the job has cost so far, is damaged: restore it" in failure.reason
    assert not (job.folder(tmp_path) / "calls").exists()


def test_processes_of_a_job_find_each_other(tmp_path):
    job = toy("met", "meet", tasks=3)
    failures, _ = run([job], tmp_path)
    assert not failures
    assert job.record(tmp_path).metrics["ranks"].value == 0 + 1 + 2


def test_a_lost_rank_ends_the_others(tmp_path):
    started = time.monotonic()
    ((failure,), _) = run([toy("lost", "lose_a_rank", tasks=2)], tmp_path)
    assert failure.reason == "ZeroDivisionError: rank 1 fails"
    assert time.monotonic() - started < 45, "the remaining rank was waited for"


@pytest.mark.parametrize(("stage", "processes"), [("wait", 1), ("wait_side_by_side", 3)])
def test_jobs_do_not_outlive_the_command(tmp_path, stage, processes):
    program = (
        "from pathlib import Path; from tests.execution.test_executor import *;"
        f"run([toy('waiting', {stage!r}, cpus=2)], Path({str(tmp_path)!r}))"
    )
    command = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)
    folder = toy("waiting", stage).folder(tmp_path)
    wait_for(lambda: len(list(folder.glob("pid-*"))) == processes)
    command.kill()
    command.wait()
    for marker in folder.glob("pid-*"):
        pid = int(marker.name.removeprefix("pid-"))
        wait_for(lambda pid=pid: not is_alive(pid))


def test_a_job_uses_the_processors_that_its_resources_give_it_and_is_the_same_job(tmp_path):
    """As many as they give, and no more than are there."""
    there = usable_cores()
    one, all_of_them, more = (toy("counting", "count_cpus", cpus=cpus) for cpus in (1, there, there + 7))
    assert one.identity == all_of_them.identity == more.identity
    for job, runs in ((one, "one"), (all_of_them, "all"), (more, "more")):
        run([job], tmp_path / runs)
    found = [one.record(tmp_path / runs).metrics["cpus"].value for runs in ("one", "all", "more")]
    assert found == [1, there, there]


def wait_for(condition, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    return pytest.fail("waited in vain")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]


def test_more_gpus_than_the_machine_has(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    with pytest.raises(InputError, match="two needs 2 GPUs, this machine has 1"):
        run([toy("two", "show_gpus", tasks=2, gpus=1)], tmp_path)


def test_every_job_has_its_gpus_to_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    jobs = [toy(f"job{number}", "show_gpus", number, gpus=1) for number in range(2)] + [toy("none", "show_gpus")]
    assert run(jobs, tmp_path, parallel=3)[0] == []
    shown = [(job.folder(tmp_path) / "gpus").read_text() for job in jobs]
    assert sorted(shown[:2]) == ["4", "7"]
    assert shown[2] == ""
