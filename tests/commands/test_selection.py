"""What a command demands: the data, packages and GPUs of the jobs that were asked for, and no others."""

import argparse
import importlib.util
from pathlib import Path

import pytest

from commands.arguments import CommandParser
from commands.plan_to_write import plan_to_write, write_plan_of
from commands.requirements import jobs_blocked_by, missing_requirements, on_the_cpu
from commands.selection import Selection, selection_of
from core.errors import InputError
from results.writing import write_results
from run_all import main


def given(*arguments: str) -> argparse.Namespace:
    return CommandParser("", None).parse_args(arguments)


def selected(*arguments: str) -> Selection:
    return selection_of(given(*arguments))


def missing(selection: Selection, gpus: int | None = None) -> set[str]:
    """Keys of what is missing."""
    return {what.split()[0].rstrip(":") for what in missing_requirements(selection.selected, selection.profile, gpus)}


@pytest.mark.parametrize(
    ("seeds", "parts"),
    [
        (["100", "100"], ["--seeds names 100 twice"]),
        (["1", "2", "1"], ["--seeds names 1 twice"]),
        (["-1"], ["seeds.3", "greater than or equal to 0", "found -1"]),
        (["4294967296"], ["seeds.3", "less than 4294967296"]),
    ],
)
def test_seeds_are_validated_whichever_way_they_come(seeds, parts):
    with pytest.raises(InputError) as error:
        selected("--seeds", *seeds)
    assert all(part in error.value.sentence for part in parts), error.value.sentence


def test_seeds_and_methods_choose_among_jobs():
    everything = {job.name: job.identity for job in selected().planned}
    some = {job.name: job.identity for job in selected("--methods", "mopro", "--seeds", "101", "7").planned}
    assert {name.split("/")[1] for name in some} == {"mopro", "seed101", "seed7"}
    assert {name.split("/")[-1] for name in some} == {"seed101", "seed7"}
    assert all(identity == everything.get(name, identity) for name, identity in some.items())
    assert {job.tags["method"] for job in selected("--methods", "random").asked if "method" in job.tags} == {"random"}


def test_seeds_change_nothing_about_a_release():
    everything = {job.name: job.identity for job in selected("--profile", "released").planned}
    of_release = {job.name: job.identity for job in selected("--profile", "released", "--seeds", "7").planned}
    assert of_release["lowshot-voc07/byol/imagenet/seed0"] == everything["lowshot-voc07/byol/imagenet/seed0"]


@pytest.fixture
def disk(tmp_path) -> Path:
    """VOC2007 and a checkpoint, and nothing else."""
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "byol.pth").touch()
    return tmp_path


def released(disk: Path, *arguments: str) -> Selection:
    settings = [f"data.voc07={disk / 'VOCdevkit'}", f"methods.byol.file={disk / 'byol.pth'}"]
    there = [part for setting in settings for part in ("--set", setting)]
    return selected("--profile", "released", "--methods", "byol", *there, *arguments)


def test_a_release_on_one_data_set_needs_that_and_the_file(disk):
    assert missing(released(disk, "--only", "lowshot-voc07")) == set()
    selection = selected("--profile", "released", "--only", "lowshot-voc07", "--methods", "byol")
    assert missing(selection) == {"methods.byol.file", "data.voc07"}
    on_cpu = on_the_cpu(selection.selected)
    assert (
        missing_requirements(on_cpu, selection.profile, gpus=0).keys()
        == missing_requirements(on_cpu, selection.profile, None).keys()
    )


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("lowshot-places205", {"data.places205.folder"}),
        ("accuracy", {"data.webvision.webvision-v05.folder", "data.imagenet"}),
        ("robustness", {"data.imagenet_r.folder", "data.imagenet_a.folder"}),
        ("finetune", {"data.imagenet"}),
        ("detection", {"data.coco.folder"}),
        ("released", set()),
    ],
)
def test_every_kind_of_jobs_needs_what_it_reads(disk, kind, keys):
    release = ("--set", "methods.byol.classifier=web", "--only", kind)
    assert missing(released(disk, *release)) == keys


def test_the_published_variants_need_no_imagenet_and_others_do(disk):
    another = ("--set", "methods.byol.classifier=web", "--set", "data.imagenet_r.classes=100")
    assert "data.imagenet" in missing(released(disk, *another, "--only", "robustness-imagenet-r"))


def test_pretraining_needs_its_own_set_and_lists(disk):
    exclusions = ("--set", f"data.webvision.webvision-v1.exclusions={disk}/nowhere.txt")
    selection = selected("--profile", "paper", "--only", "pretrain", *exclusions)
    sets = {f"data.webvision.webvision-{version}.folder" for version in ("v05", "v1", "v2")}
    assert missing(selection) == {*sets, "data.webvision.webvision-v1.exclusions"}
    subset = ("--set", "evaluate.finetune.subsets={1pct: {kind: list, file: /no/such/1percent.txt}}")
    assert "evaluate.finetune.subsets.1pct.file" in missing(released(disk, *subset, "--only", "finetune"))


def test_everything_that_is_missing_is_named_at_once(tmp_path, capsys):
    assert main(["--profile", "paper", "--runs", str(tmp_path / "runs")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for key in ("imagenet", "voc07", "places205.folder", "imagenet_r.folder", "coco.folder"):
        assert f"--set data.{key}=FOLDER" in line
    assert "the folder /datasets/coco does not exist" in line and "--partial" in line
    assert not (tmp_path / "runs").exists()


def test_a_release_that_is_missing_may_be_left_out(tmp_path, capsys):
    assert main(["--profile", "released", "--only", "released", "--runs", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert "methods.mopro-v1-release.file: the checkpoint /checkpoints/MoPro_V1_epoch90.tar does not exist" in said
    assert "--set methods.mopro-v1-release=null" in said


def test_a_relative_folder_is_what_the_miniature_builds(tmp_path):
    assert missing(selected()) == set()
    assert missing(selected("--set", f"data.voc07={tmp_path}/nowhere")) == {"data.voc07"}


@pytest.mark.parametrize(("gpus", "advice"), [(0, ".gpus=0"), (3, ".tasks=2"), (5, ".tasks=4")])
def test_gpus_that_are_missing_come_with_settings_that_work(gpus, advice):
    selection = selected("--profile", "paper", "--only", "pretrain")
    (what,) = (what for what in missing_requirements(selection.selected, selection.profile, gpus) if "GPUs" in what)
    assert f"asks for 8 GPUs, this machine has {gpus}" in what and f"--set resources.pretrain{advice}" in what
    settings = [part for part in what.rstrip(")").split() if part.startswith("resources.") and "=" in part]
    again = selected("--profile", "paper", "--only", "pretrain", *(it for one in settings for it in ("--set", one)))
    assert not any("GPUs" in what for what in missing_requirements(again.selected, again.profile, gpus))


def test_tasks_on_several_nodes_come_down_to_one():
    nodes = ("--set", "resources.pretrain={tasks: 16, nodes: 2, gpus: 1}")
    selection = selected("--profile", "paper", "--only", "pretrain", *nodes)
    (what,) = (what for what in missing_requirements(selection.selected, selection.profile, 3) if "GPUs" in what)
    assert "--set resources.pretrain.tasks=2 --set resources.pretrain.nodes=1" in what


def test_the_cpu_takes_forward_passes_but_no_training():
    jobs = on_the_cpu(selected("--profile", "paper").selected)
    kinds = {job.kind for job in jobs if job.resources.gpus}
    assert kinds == {"pretrain", "retraining", "finetune-1pct", "finetune-10pct", "detection-1x", "detection-2x"}


def test_detection_needs_its_packages(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mmdet" else find(name))
    selection = selected("--only", "detection")
    (what,) = missing_requirements(selection.selected, selection.profile, None)
    assert what.startswith("the Python package mmdet is not installed")
    assert missing(selected("--only", "accuracy")) == set()


def test_what_needs_what_is_missing_is_lost_with_it(tmp_path):
    selection = selected("--set", f"data.webvision.webvision.folder={tmp_path}/nowhere")
    lost = jobs_blocked_by(missing_requirements(selection.selected, selection.profile, None), selection.selected)
    left = {job.kind for job in selection.selected if job.name not in lost}
    assert left == {"miniature", "hard-images", "untrained", "detection-short"}


def test_partial_says_what_it_leaves_out_and_plans_all_the_same(disk, capsys):
    runs = disk / "runs"
    arguments = ["--profile", "paper", "--partial", "--runs", str(runs), "--set", "evaluate.detection=null"]
    assert main([*arguments, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "run on its CPU" not in said  # nothing is left that would
    assert "Left out, with what needs them: lowshot-voc07, as data.voc07: the folder /datasets/VOCdevkit" in said
    assert "0 jobs; 0 GPU-hours" in said and not runs.exists()
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "Left out" in said and "| CE " in said and "| no data" in said
    assert "- No data: what the profile names as data.webvision.webvision-v05.folder" in said
    assert (runs / "paper/tables/lowshot.md").exists()


@pytest.mark.parametrize(
    ("methods", "is_claimed"),
    [(["no-correction"], False), (["ce"], False), (["mopro", "no-instance"], False), (["mopro", "ce"], True)],
)
def test_tables_without_the_methods_of_the_claims(tmp_path, methods, is_claimed):
    selection = selected("--profile", "ablation", "--methods", *methods, "--runs", str(tmp_path))
    write_plan_of(selection)
    assert ("The claims, tested" in write_results(selection.runs)) is is_claimed
    assert (selection.runs / "tables/claims.md").exists() is is_claimed


def test_a_plan_that_cannot_be_read_is_written_anew(tmp_path):
    selection = selected("--runs", str(tmp_path))
    selection.runs.mkdir()
    for content in (
        b"{",
        b"\xff",
        b'{"profile": {"seeds": 3}, "jobs": []}',
        b'{"profile": {"methods": 1}, "jobs": []}',
    ):
        (selection.runs / "plan.json").write_bytes(content)
        jobs, values, *_ = plan_to_write(selection)
        assert [job.name for job in jobs] == [job.name for job in selection.planned]
        assert values["seeds"] == [100, 101, 102]
