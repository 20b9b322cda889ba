"""Clusters of other kinds, with real SLURM daemons: each ends with the figures of a run on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm.cluster import SlurmExecutor
from slurm.config import SlurmConfig
from slurm.scheduler import Scheduler
from slurm.states import State, read_states
from tests.execution.test_executor import toy
from tests.slurm.test_slurm import LONGER, SLURM, TWO_BRANCHES, finish, is_training, status
from tests.support.commands import command, environment, records, run_all
from tests.support.slurm_cluster import USER, Cluster, missing_programs, running, short_folder, wait_until

pytestmark = pytest.mark.slow  # each starts clusters of its own

FEW = 3  # jobs that a user of the cluster with a limit may have in its queue


@pytest.fixture(scope="module")
def first() -> Iterator[Cluster]:
    """A cluster that lets a user have few jobs in its queue."""
    if missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing_programs())} not installed")
    with running(Cluster(short_folder(), settings="AccountingStorageEnforce=associations,limits,qos")) as cluster:
        cluster.ask("sacctmgr", "--immediate", "add", "account", "few")
        cluster.ask("sacctmgr", "--immediate", "add", "user", USER, "account=few", f"maxsubmitjobs={FEW}")
        cluster.ask("sacctmgr", "--immediate", "modify", "user", USER, "set", "defaultaccount=few")
        yield cluster


@pytest.fixture
def second(first) -> Iterator[Cluster]:
    """Another one under the same accounting; commands speak to the first unless they name this one."""
    cluster = Cluster(short_folder(), "second", shares=first)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
    shutil.rmtree(cluster.folder)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory) -> Path:
    """A runs folder in which the images are built, and nothing else is."""
    runs = tmp_path_factory.mktemp("built")
    assert run_all(runs, "--only", "miniature").returncode == 0
    return runs


@pytest.fixture(scope="module")
def expected(miniature, tmp_path_factory) -> dict:
    """Records of a run on this machine."""
    runs = shutil.copytree(miniature, tmp_path_factory.mktemp("here") / "runs")
    assert run_all(runs, *TWO_BRANCHES).returncode == 0
    return records(runs)


@pytest.fixture(scope="module")
def expected_longer(miniature, tmp_path_factory) -> dict:
    """The same with a pretraining that can be met on its way."""
    runs = shutil.copytree(miniature, tmp_path_factory.mktemp("longer") / "runs")
    assert run_all(runs, *TWO_BRANCHES, **LONGER).returncode == 0
    return records(runs)


@pytest.fixture
def runs(miniature, tmp_path) -> Path:
    return shutil.copytree(miniature, tmp_path / "runs")


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_every_command_speaks_to_the_cluster_that_the_site_names(second, runs, expected, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("slurm: {cluster: second}\n")
    named = (*TWO_BRANCHES, "--site", str(site))
    with second.starting_nothing():
        started = run_all(runs, *SLURM, *named)
        assert started.returncode == 0, started.stdout + started.stderr
        assert len(Scheduler("second").queue()) == 5 and not Scheduler(None).queue()
        line = command(runs, *named, "--only", "pretrain", "--methods", "ce")
        line.insert(2, "cancel")
        cancelled = subprocess.run(line, capture_output=True, text=True, env=environment())
        assert "2 jobs cancelled" in cancelled.stdout, cancelled.stderr
        states = status(runs, *named)
        assert states["pretrain/ce"]["state"] == states["accuracy-imagenet/ce"]["state"] == State.CANCELLED
        assert states["pretrain/mopro"]["state"] == State.PENDING
    run = finish(runs, *named)
    assert run.returncode == 0, run.stdout + run.stderr
    assert records(runs) == expected


def test_a_queue_with_room_for_few_jobs(first, runs, expected):
    """Two pretrainings, their evaluations, and the job that writes the tables."""
    with first.starting_nothing():
        some = run_all(runs, *SLURM, *TWO_BRANCHES)
        assert some.returncode == 1, some.stdout + some.stderr
        assert "SLURM takes no more jobs for now" in some.stdout and "1 jobs are left" in some.stdout
        assert len(Scheduler(None).queue()) == FEW
    run = finish(runs, *TWO_BRANCHES)
    assert run.returncode == 0, run.stdout + run.stderr
    assert records(runs) == expected


def test_a_queue_that_takes_part_of_an_array(first, tmp_path):
    jobs = [toy(f"job{number}", number=number) for number in range(7)]
    executor = SlurmExecutor(tmp_path, SlurmConfig())
    submitted = executor.submit(jobs)
    assert len(submitted.ids) == FEW and len(submitted.left) == len(jobs) - FEW
    while submitted.left:
        wait_until(lambda: not Scheduler(None).queue(), "these have ended", 600)
        submitted = executor.submit(jobs)
    wait_until(lambda: len(list(tmp_path.glob("*/record.json"))) == len(jobs), "all are done", 600)
    assert {len((job.folder(tmp_path) / "calls").read_text().splitlines()) for job in jobs} == {1}


def test_a_job_that_the_scheduler_does_not_queue_again(first, runs, expected_longer):
    """Told to stop with its state written, as before its time limit; what waits for it submits it anew."""
    line = command(runs, *SLURM, "--wait", *TWO_BRANCHES, **LONGER)
    with subprocess.Popen(line, stdout=-1, stderr=subprocess.STDOUT, text=True, env=environment()) as waiting:
        wait_until(is_training(runs), "a pretraining is on its way", 600)
        found = status(runs, *TWO_BRANCHES, **LONGER)
        stopped = next(job["id"] for name, job in found.items() if job["state"] == State.RUNNING and "pre" in name)
        first.ask("scontrol", "update", f"JobId={stopped}", "Requeue=0")
        first.ask("scancel", "--signal=USR2", stopped)
        said, _ = waiting.communicate(timeout=800)
    assert waiting.returncode == 0, said
    assert "FAILED" not in said
    assert "does not queue the job again" in "".join(path.read_text() for path in runs.glob("mini/pretrain/**/log.txt"))
    assert records(runs) == expected_longer


def test_a_wrapper_as_python_and_an_sbatch_that_says_more(first, runs, expected, monkeypatch, tmp_path):
    """As a container's command is: Python, its arguments and the environment go through it."""
    folder = tmp_path / "a 'b"
    folder.mkdir()
    wrapper = executable(folder / "exec", f'#!/bin/sh\necho "$@" >> "{folder}/calls"\nshift 2\nexec "$@"\n')
    real = shutil.which("sbatch")
    script = f"#!/bin/sh\necho 'Your account has 12 hours left.'\necho 'sbatch: a warning' >&2\nexec {real} \"$@\"\n"
    executable(tmp_path / "sbatch", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    quoted = str(wrapper).replace("'", "'\\''")
    site = tmp_path / "site.yaml"
    settings = {
        "python": f"'{quoted}' --nv 'an image.sif' {sys.executable}",
        "srun_args": ["--mpi=none"],
        "gres": "gpu",
    }
    site.write_text(json.dumps({"slurm": settings}))
    run = finish(runs, *TWO_BRANCHES, "--site", str(site))
    assert run.returncode == 0, run.stdout + run.stderr
    assert records(runs) == expected
    calls = (folder / "calls").read_text().splitlines()
    # One of each job; the one that writes the tables may find the queue full.
    assert len(calls) >= 4 and all(call.startswith("--nv an image.sif ") for call in calls)
    scripts = [path.read_text() for path in runs.glob("mini/slurm/*_submission.sh")]
    assert scripts and all("--mpi=none" in script for script in scripts)


def test_gpus_are_asked_for_by_the_name_that_the_site_gives(first, tmp_path):
    SlurmExecutor(tmp_path, SlurmConfig(gres="gpu")).submit([toy("shown", "show_environment", tasks=2, gpus=1)])
    wait_until(lambda: list(tmp_path.glob("shown-*/record.json")), "the job is done", 600)
    (shown,) = tmp_path.glob("shown-*/environment.json")
    assert json.loads(shown.read_text())["CUDA_VISIBLE_DEVICES"].count(",") == 1
    (script,) = (path.read_text() for path in tmp_path.glob("slurm/*_submission.sh") if "shown" in path.read_text())
    assert "#SBATCH --gres=gpu:2" in script and "gpus-per-node" not in script


def test_a_stages_own_options_win_over_what_the_resources_give(first, tmp_path):
    of_stage = toy("shown", "show_environment", gpus=1, sbatch={"gpus-per-node": 4})
    SlurmExecutor(tmp_path, SlurmConfig()).submit([of_stage])
    wait_until(lambda: list(tmp_path.glob("shown-*/record.json")), "the job is done", 600)
    (shown,) = tmp_path.glob("shown-*/environment.json")
    assert json.loads(shown.read_text())["CUDA_VISIBLE_DEVICES"].count(",") == 3


def test_a_cluster_without_accounting(runs, expected_longer, tmp_path):
    if missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing_programs())} not installed")
    with running(Cluster(short_folder(), accounting=False)) as cluster:
        assert run_all(runs, *SLURM, *TWO_BRANCHES, **LONGER).returncode == 0
        wait_until(is_training(runs), "a pretraining is on its way", 600)
        before = status(runs, *TWO_BRANCHES, **LONGER)
        running_ones = [job["id"] for job in before.values() if job["state"] == State.RUNNING]
        cluster.ask("scancel", *running_ones)
        wait_until(lambda: not Scheduler(None).queue(), "all are gone", 60)
        after = status(runs, *TWO_BRANCHES, **LONGER)
        cancelled = {job["id"] for job in after.values() if job["state"] == State.CANCELLED}
        assert set(running_ones) <= cancelled
        run = finish(runs, *TWO_BRANCHES, **LONGER)
        assert run.returncode == 0, run.stdout + run.stderr
        assert records(runs) == expected_longer


@pytest.mark.parametrize(
    ("words", "state", "detail"),
    [
        ("*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***", State.CANCELLED, ""),
        ("*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", State.FAILED, "TIMEOUT"),
        ("*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***", State.INTERRUPTED, "goes on"),
        (
            "*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO JOB REQUEUE ***\nroom",
            State.FAILED,
            "ended without",
        ),
        ("*** STEP 7.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***", State.FAILED, "ended without a record"),
        ("Detected 1 oom_kill event in StepId=7.0.", State.FAILED, "OUT_OF_MEMORY"),
    ],
)
def test_how_a_job_ended_that_the_scheduler_has_forgotten(tmp_path, monkeypatch, words, state, detail):
    """By what it wrote into the job's log; there is no SLURM to ask here."""
    monkeypatch.setenv("PATH", str(tmp_path))
    job = toy("job")
    (tmp_path / "slurm").mkdir()
    note = {"token": "t", "identities": [job.identity], "id": "7", "code": None}
    (tmp_path / "slurm/submission-t.json").write_text(json.dumps(note))
    (tmp_path / "slurm/7_0_log.err").write_text(f"slurmstepd: error: {words}\n")
    (found,) = read_states([job], tmp_path, {}, Scheduler(None))
    assert found.state is state and found.detail.startswith(detail)
