"""The command on a reduced miniature: from images to tables, twice, interrupted, changed, and with mistakes in it."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from commands.arguments import CommandParser
from commands.plan_to_write import write_plan_of
from commands.selection import selection_of
from core.files import exclusive_lock
from results.__main__ import main as results_command
from results.plan import read_results
from results.rescore import rescore
from run_all import main
from tests.support.commands import REDUCED, command, environment, records, run_all

JOBS = 48  # the miniature, its hard images, four methods with ten jobs each, MoPro's cleaning and re-training with two,
# an untrained backbone and its detection


WITHOUT_EFFECT = {key for key in REDUCED if ".runtime." in key or key.endswith("untrained_seeds")}  # on the recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A finished reproduction; tests must not change its records."""
    runs = tmp_path_factory.mktemp("runs")
    return runs, run_all(runs)


def test_one_command_gives_records_and_tables(finished):
    runs, run = finished
    assert run.returncode == 0, run.stderr
    assert len(records(runs)) == JOBS
    for title in ("Accuracy on clean validation images", "Low-shot classification", "The claims, tested"):
        assert f"## {title}" in run.stdout
    assert "not run" not in (runs / "mini/tables/accuracy.md").read_text()
    assert list((runs / "mini").glob("pretrain/mopro/*/*/tensorboard/events*"))


def test_figures_have_units_and_counts(finished):
    runs, _ = finished
    for name, record in records(runs).items():
        if name.startswith("mini/accuracy"):
            assert {metric["n"] for metric in record["metrics"].values()} == {101}
            assert all(0 <= metric["value"] <= 100 for metric in record["metrics"].values())
            (fingerprint,) = (value for key, value in record["data"].items() if key in ("webvision", "imagenet"))
            assert fingerprint["images"] == 101
        if name.startswith("mini/robustness-imagenet-r"):
            assert {metric["n"] for metric in record["metrics"].values()} == {211}
            assert sum(record["provenance"]["reliability"]["samples"]) == 211
        if name.startswith("mini/lowshot"):
            draws = record["config"]["draws"]
            assert all(metric["n"] == draws and metric["spread"] is not None for metric in record["metrics"].values())


def test_every_figure_of_the_tables_is_recomputed_from_outputs(finished):
    runs, _ = finished
    results = read_results(runs / "mini")
    found = rescore(results, runs / "mini")
    assert found.differences == [] and all(found.tables.values()) and len(found.tables) > 5
    columns = {(column.evaluation, column.metric) for column in results.columns.values()}
    shown = [
        f"{record.stage}: {name}"
        for job, record in results.done
        for name in record.metrics
        if (job.tags.get("evaluation"), name) in columns
    ]
    assert found.equal >= len(shown) > 90
    (without_outputs,) = found.not_recomputed.values()
    assert {name.partition(":")[0] for name in without_outputs} >= {"pretrain", "hard-images"}
    assert not without_outputs.keys() & set(shown)


def test_the_cpu_time_of_outputs_is_counted(finished):
    for name, record in read_results(finished[0] / "mini").records.items():
        cost = record.cost
        assert cost.output_cpu_seconds is not None and cost.cpu_seconds is not None
        assert 0 <= cost.output_cpu_seconds < cost.cpu_seconds, name
        assert (cost.output_cpu_seconds > 0) == (record.outputs is not None), name


def test_again_nothing_is_computed(finished):
    runs, _ = finished
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("record.json")}
    again = run_all(runs)
    assert again.returncode == 0
    assert f"{JOBS} jobs, {JOBS} of them done" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("record.json")} == before


def test_an_audit_of_folder_and_archive_has_no_objection(finished, tmp_path, capsys):
    archive = tmp_path / "mini.tar.gz"
    assert results_command(["pack", str(finished[0] / "mini"), "--to", str(archive)]) == 0
    assert archive.stat().st_size < 3e6
    for place in (archive, finished[0] / "mini"):
        assert results_command(["audit", str(place), "--recipe", "mini"]) == 1
        printed = capsys.readouterr().out
        breaches = [line for line in printed.splitlines() if line.startswith("breach")]
        named = {line.split()[2] for line in breaches}
        assert named == set(REDUCED) - {"seeds"} - WITHOUT_EFFECT, printed


@pytest.fixture
def reproduced(finished, tmp_path) -> Path:
    """A finished reproduction of a test's own."""
    return shutil.copytree(finished[0], tmp_path / "runs")


def planned(runs: Path) -> set[str]:
    """Names of the jobs of the plan."""
    return {job["name"] for job in json.loads((runs / "mini/plan.json").read_text())["jobs"]}


def plan_again(runs: Path, *arguments: str, **changes: str) -> set[str]:
    """Names of the jobs of the plan that such a command writes."""
    selection = selection_of(CommandParser("", None).parse_args(command(runs, *arguments, **changes)[2:]))
    write_plan_of(selection)
    return planned(runs)


def test_asking_for_less_hides_nothing_that_was_measured(reproduced):
    def tables() -> dict[str, str]:
        return {path.name: path.read_text() for path in (reproduced / "mini/tables").glob("*.csv")}

    jobs, before = planned(reproduced), tables()
    assert main(command(reproduced, "--methods", "ce", "--seeds", "0")[2:]) == 0
    assert planned(reproduced) == jobs and tables() == before


@pytest.mark.parametrize("less", [("--methods", "random"), ("--methods", "mopro", "--seeds", "7"), ("--seeds", "8")])
def test_a_plan_for_less_keeps_what_was_measured(reproduced, less):
    before = planned(reproduced)
    after = plan_again(reproduced, *less)
    assert after >= before and all(name.endswith(("/seed7", "/seed8")) for name in after - before)
    assert plan_again(reproduced) == before


def test_what_is_kept_of_an_earlier_plan_would_be_the_same_now(reproduced):
    """A new value makes other jobs of some; of those, neither another method's nor another seed's old figure stays."""
    before = planned(reproduced)
    of_others = {f"lowshot-voc07/{method}/webvision/seed0" for method in ("ce-strong-view", "no-correction", "mopro")}
    assert before - plan_again(reproduced, "--methods", "ce", evaluate__lowshot_voc07__draws="3") == of_others
    assert plan_again(reproduced, "--methods", "ce") == before


def test_what_was_not_measured_is_not_kept(reproduced):
    before = planned(reproduced)
    shutil.rmtree(reproduced / "mini/accuracy-imagenet/mopro")
    assert before - plan_again(reproduced, "--methods", "ce") == {"accuracy-imagenet/mopro/webvision/seed0"}


def test_status_asks_no_scheduler_where_nothing_was_submitted(finished, tmp_path, monkeypatch):
    """Such as one that is installed, but leads to no cluster."""
    for name in ("squeue", "sacct"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    line = command(finished[0])
    line.insert(2, "status")
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{JOBS} jobs: {JOBS} done.\n", "")


def test_the_same_seed_gives_the_same_records(finished, tmp_path):
    run_all(tmp_path, "--methods", "mopro")
    again, first = records(tmp_path), records(finished[0])
    assert len(again) == 16 and again == {name: first[name] for name in again}


def test_dry_run_shows_what_a_change_makes_new_and_touches_nothing(finished, tmp_path):
    runs, _ = finished
    before = sorted(runs.rglob("*"))
    plan = run_all(runs, "--dry-run", pretrain__schedule__epochs="4").stdout.splitlines()
    states = {line.split()[0]: " to do " not in line for line in plan[2:-1]}
    untrained = ["untrained/random/none/seed0", "detection-short/random/none/seed0"]
    assert [name for name, done in states.items() if done] == ["miniature/seed0", "hard-images/seed0", *untrained]
    assert len(states) == JOBS
    assert sorted(runs.rglob("*")) == before
    assert run_all(tmp_path / "new", "--dry-run").returncode == 0
    assert not (tmp_path / "new").exists()


def test_only_some_jobs(tmp_path):
    run = run_all(tmp_path, "--only", "accuracy-imagenet", "--methods", "ce")
    assert run.returncode == 0, run.stderr
    kinds = {name.split("/")[1].split("-")[0] for name in records(tmp_path)}
    assert kinds == {"miniature", "pretrain", "accuracy"}
    assert "not run" in run.stdout


LONGER = {"pretrain__schedule__epochs": "12", "pretrain__schedule__decay_at": "[8]"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed")
    assert run_all(runs, "--only", "accuracy-imagenet", "--methods", "mopro", **LONGER).returncode == 0
    return runs


@pytest.mark.parametrize("attempt", range(2))
def test_killed_in_pretraining_and_started_again(undisturbed, tmp_path, attempt):
    """Kills everything at a random moment after the first training state was written."""
    arguments = ("--only", "accuracy-imagenet", "--methods", "mopro")
    process = subprocess.Popen(command(tmp_path, *arguments, **LONGER), env=environment(), stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob("mini/pretrain/*/*/*/state.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(random.uniform(0, 1))
    process.kill()
    process.wait()
    (log,) = tmp_path.glob("mini/pretrain/*/*/*/log.txt")
    time.sleep(0.5)  # the job's process notices that the command is gone
    assert "step 120/120" not in log.read_text(), "it was not interrupted"
    run = run_all(tmp_path, *arguments, **LONGER)
    assert run.returncode == 0, run.stderr
    assert log.read_text().count("---") == 2
    assert records(tmp_path) == records(undisturbed)


def test_two_commands_at_once(tmp_path):
    with exclusive_lock(tmp_path / "mini"):
        run = run_all(tmp_path)
    assert run.returncode == 2
    assert "Another process is at work in" in run.stderr


def test_two_processes_train_together(tmp_path):
    arguments = ("--only", "accuracy-imagenet", "--methods", "mopro")
    run = run_all(tmp_path, *arguments, resources__pretrain__tasks="2", resources__evaluate__tasks="2")
    assert run.returncode == 0, run.stderr + run.stdout
    (record,) = (record for name, record in records(tmp_path).items() if "accuracy" in name)
    assert record["metrics"]["top1"]["n"] == 101


@pytest.fixture
def data(finished, tmp_path) -> Path:
    """A copy of the reduced miniature that a test may damage."""
    (built,) = finished[0].glob("mini/miniature/seed0-*")
    return shutil.copytree(built, tmp_path / "data")


def run_on(data: Path, runs: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Train CE on data sets that stand somewhere on disk."""
    folders = {
        "miniature": "null",
        "hard_images": "null",
        "data.webvision.webvision.folder": str(data / "webvision"),
        "data.imagenet": str(data / "imagenet"),
        "data.voc07": str(data / "VOCdevkit"),
        "data.places205.folder": str(data / "places205"),
        "data.imagenet_r.folder": str(data / "imagenet-r"),
        "data.imagenet_a": "null",
        "data.coco": "null",
        "evaluate.detection": "null",
    }
    overrides = [part for key, value in folders.items() for part in ("--set", f"{key}={value}")]
    return run_all(runs, "--methods", "ce", *overrides, *arguments, **changes)


def assert_refused(run: subprocess.CompletedProcess, runs: Path, *parts: str) -> None:
    """One sentence names what is wrong, the status is 2, and no record was written for what failed."""
    assert run.returncode == 2, run.stdout + run.stderr
    first, *blocked = run.stderr.strip().splitlines()
    assert first.startswith("error: ") and all(part in first for part in parts), first
    assert all("which failed" in line for line in blocked), run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    assert not [name for name in records(runs) if "/pretrain/" in name]
    assert not list(runs.rglob("model.pt"))


def test_data_sets_on_disk(data, tmp_path):
    run = run_on(data, tmp_path / "runs", "--only", "accuracy-webvision")
    assert run.returncode == 0, run.stderr


def test_a_missing_data_folder(data, tmp_path):
    shutil.rmtree(data / "imagenet")
    assert_refused(run_on(data, tmp_path / "runs"), tmp_path / "runs", "data.imagenet", "does not exist")
    assert not (tmp_path / "runs").exists()


def test_a_missing_optional_data_folder(data, tmp_path):
    shutil.rmtree(data / "places205")
    assert_refused(run_on(data, tmp_path / "runs"), tmp_path / "runs", "data.places205.folder", "does not exist")


def test_an_unreadable_image(data, tmp_path):
    image = sorted(data.glob("webvision/google/*/*.jpg"))[3]
    image.write_bytes(image.read_bytes()[:300])
    assert_refused(run_on(data, tmp_path / "runs"), tmp_path / "runs", str(image), "cannot be decoded")


def test_a_list_that_names_a_missing_image(data, tmp_path):
    image = sorted(data.glob("webvision/flickr/*/*.jpg"))[3]
    image.unlink()
    run = run_on(data, tmp_path / "runs", pretrain__runtime__workers="1")
    assert_refused(run, tmp_path / "runs", str(image), "does not exist")


def test_a_label_outside_the_range(data, tmp_path):
    path = data / "webvision/info/train_filelist_google.txt"
    path.write_text(path.read_text().replace(" 7\n", " 12\n", 1))
    assert_refused(run_on(data, tmp_path / "runs"), tmp_path / "runs", str(path), "label 12", "[0, 10)")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--set", "pretrain.schedule.epoch=3"], ["'pretrain.schedule.epochs'"]),
        (["--jobs", "0"], ["--jobs", "found 0"]),
        (["--profil", "mini"], ["--profil"]),
        (["--profile", "huge"], ["no profile", "mini"]),
        (["--methods", "simclr"], ["--methods simclr", "ce, ce-strong-view, no-correction, mopro"]),
        (["--only", "low"], ["--only low", "lowshot-voc07"]),
        (["--set", "methods.mopro.queue_size=7"], ["queue_size", "7"]),
        (["--set", "evaluate.lowshot_voc07.shots=[]"], ["shots"]),
    ],
)
def test_mistakes_on_the_command_line(tmp_path, arguments, parts):
    run = run_all(tmp_path / "runs", *arguments)
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert all(part in line for part in parts), line
    assert not (tmp_path / "runs").exists()
