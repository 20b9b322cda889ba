"""``run_all.py export``: a whole folder with weights and a card that says what records say, or a sentence and none."""

import json
import os
from pathlib import Path

import pytest
import yaml

from core.files import sha256_of
from execution.plan import write_plan
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.tensor_files import save_tensors
from profiles.load import load_profile
from results.records import write_record
from results.schema import Metric
from results.statistics import share_interval
from run_all import main
from tests.pretrain.test_publication import trained
from tests.support.declared import TABLES
from tests.support.part_runs import planned_of
from tests.support.result_runs import a_record

JOB = "pretrain/mopro/webvision-v1/seed0"
READ = {
    "images": 2_400_000,
    "classes": 1000,
    "names_sha256": "a0" * 32,
    "sampled": 256,
    "sample_sha256": "b0" * 32,
    "sides_sha256": "c0" * 32,
    "short_side": 256,
    "long_side": 341,
    "sizes": "resized to 256",
    "full_sha256": "d0" * 32,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The plan of the paper's profile; of one pretraining, and of some of its evaluations, there are records."""
    runs = tmp_path_factory.mktemp("runs") / "paper"
    jobs = planned_of("paper")
    profile = load_profile("paper", ["seeds=[0, 1]"]).model_dump(mode="json")
    write_plan(jobs, profile, TABLES, runs)
    for job in jobs:
        folder, method, seed = job.folder(runs), job.tags.get("method"), job.tags.get("seed")
        if job.name == JOB:
            folder.mkdir(parents=True)
            save_tensors(folder / "model.pt", exported(trained(BackboneConfig(depth=18), classes=10)))
            changes = {
                "provenance": {"model_sha256": sha256_of(folder / "model.pt")},
                "data": {"webvision": READ},
                "config": {"webvision": "/home/somebody/webvision", "views": {"size": 224}},
            }
            record = a_record(job.name, job.tags, {"steps": 1}, identity=job.identity, **changes)
            steps = Metric(value=1000, unit="steps", n=1)
            write_record(record.model_copy(update={"metrics": {"steps": steps}}), folder)
        elif method == "mopro" and job.kind == "accuracy-imagenet":
            metrics = {"top1": 67.8 + float(seed), "top5": 87.0}
            write_record(a_record(job.name, job.tags, metrics, identity=job.identity), folder)
        elif method == "mopro" and seed == "0" and job.kind in ("lowshot-voc07", "robustness-imagenet-r"):
            of_robustness = {"accuracy": 50.0, "calibration_error_without_last_bin": 50.0}
            metrics = {"k4": 50.0} if job.kind == "lowshot-voc07" else of_robustness
            spread = 2.0 if job.kind == "lowshot-voc07" else None
            write_record(a_record(job.name, job.tags, metrics, spread, identity=job.identity), folder)
    return runs


def export(runs: Path, *arguments: object) -> int:
    options = ["--profile", "paper", "--set", "seeds=[0, 1]", "--runs", runs.parent]
    return main(["export", *map(str, [*arguments, *options])])


@pytest.mark.parametrize(("form", "file"), [("torchvision", "model.pth"), ("safetensors", "model.safetensors")])
def test_a_folder_as_hubs_take_it(runs, tmp_path, form, file, capsys):
    out = tmp_path / "somewhere/out"
    assert export(runs, JOB, "--format", form, out) == 0
    assert "Nothing was uploaded." in capsys.readouterr().out
    assert sorted(os.listdir(out)) == sorted([file, "README.md", "config.json"])
    assert os.listdir(out.parent) == ["out"]
    config = json.loads((out / "config.json").read_text())
    assert (config["architecture"], config["num_classes"], config["num_features"]) == ("resnet18", 10, 512)
    assert (config["mean"], config["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert (config["input_size"], config["sha256"]) == ([3, 224, 224], sha256_of(out / file))


def test_the_card_says_what_the_records_say(runs, tmp_path):
    assert export(runs, JOB, "--format", "torchvision", tmp_path / "out") == 0
    card = (tmp_path / "out/README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert head["license"] == "other" and {"pytorch", "resnet18", "webvision"} <= set(head["tags"])
    (record,) = (json.loads(path.read_text()) for path in (runs / "pretrain/mopro").rglob("record.json"))
    for said in (
        "1,000 steps",
        record["digest"],
        record["identity"],
        "0123456789abcdef",
        sha256_of(tmp_path / "out/model.pth"),
        "resized to 256 (sides 256 and 341 in the median)",
        "2,400,000",
        "d0" * 32,
        "https://data.vision.ee.ethz.ch/cvl/webvision/",
        "## Limits",
        '"webvision": "webvision"',
    ):
        assert said in card
    assert "/home/somebody" not in card
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in card.splitlines() if line.startswith("| ")]
    figures = {(row[1], row[0]): row[2:] for row in rows if len(row) == 5}
    top1 = next(
        row for (evaluation, title), row in figures.items() if evaluation == "accuracy-imagenet" and "1" in title
    )
    assert top1 == ["67.80", "n = 5", "[61.95, 74.65] around 68.30, over 2 seeds"]
    assert any(row == ["50.00", "n = 5", "[47.52, 52.48], over 5 draws"] for row in figures.values())
    of_robustness = [row[2] for (evaluation, _), row in figures.items() if evaluation == "robustness-imagenet-r"]
    assert of_robustness == ["[17.04, 82.96], over images", "unknown, of one seed"]


def test_an_interval_over_images():
    """Of Wilson's paper's form; ends from an independent table (Newcombe 1998: 81 of 263, 15 of 148)."""
    assert share_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert share_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert share_interval(0, 20)[0] == 0 and share_interval(1, 20)[1] == 1


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("pretrain/mopro/webvision-v1/seed9", "has no job 'pretrain/mopro/webvision-v1/seed9'"),
        ("pretrain/mopro/webvision-v1/seed1", "has no record (not started)"),
        ("accuracy-imagenet/mopro/webvision-v1/seed0", "has left no network that it trained itself"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(runs, tmp_path, job, said, capsys):
    assert export(runs, job, "--format", "torchvision", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert said in printed and f"exported can be {JOB}" in printed and printed.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_what_is_there_is_not_written_over(runs, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert export(runs, JOB, "--format", "torchvision", tmp_path / "out") == 2
    assert f"{tmp_path / 'out'} is there already: name a new folder" in capsys.readouterr().err


def test_a_failure_leaves_nothing_behind(runs, tmp_path, monkeypatch, capsys):
    def fail(*_) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr("results.model_card.model_card", fail)
    assert export(runs, JOB, "--format", "safetensors", tmp_path / "out") == 2
    assert os.listdir(tmp_path) == []
