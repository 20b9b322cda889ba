"""Any checkpoint in one command: what it is, is told by the file; only the data that are named are needed."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core.files import sha256_of
from core.vision import resnet
from pretrain.tensor_files import save_tensors
from run_all import main
from tests.support import REPOSITORY
from tests.support.commands import REDUCED, environment, run_all

METHODS_OF_IT = {key: value for key, value in REDUCED.items() if not key.startswith("methods.")}
SMALL_PROTOCOLS = [
    *("--set", "evaluate.lowshot_voc07.view={resize: 40, crop: 32}"),
    *("--set", "evaluate.lowshot_voc07.shots=[1]"),
    *("--set", "evaluate.lowshot_voc07.draws=2"),
    *("--set", "evaluate.workers=0"),
    *("--set", "resources.evaluate.cpus=1"),
]


def evaluate(runs: Path, checkpoint: Path, *arguments: str) -> subprocess.CompletedProcess:
    line = [
        sys.executable,
        str(REPOSITORY / "run_all.py"),
        "evaluate",
        str(checkpoint),
        "--runs",
        str(runs),
        *arguments,
    ]
    return subprocess.run(line, capture_output=True, text=True, env=environment())


def metrics(runs: Path) -> dict[str, Any]:
    """Of every evaluation below a folder, by kind."""
    found = [json.loads(path.read_text()) for path in runs.rglob("record.json")]
    return {record["tags"]["evaluation"]: record["metrics"] for record in found if "evaluation" in record["tags"]}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Path:
    """The runs of CE in the reduced miniature."""
    runs = tmp_path_factory.mktemp("reproduced")
    only = ("accuracy-imagenet", "lowshot", "robustness-imagenet-r", "finetune-30pct")
    run = run_all(runs, "--methods", "ce", "--only", *only)
    assert run.returncode == 0, run.stderr
    return runs / "mini"


@pytest.fixture(scope="module")
def of_the_miniature(reproduced) -> tuple[list[str], Path]:
    """The arguments with which its model is evaluated in its own world, and the model."""
    (world,) = reproduced.glob("miniature/seed0-*")
    (model,) = reproduced.glob("pretrain/ce/*/*/model.pt")
    on = {"voc07": "VOCdevkit", "places205": "places205", "imagenet-r": "imagenet-r", "imagenet": "imagenet"}
    data = [part for name, folder in on.items() for part in ("--on", f"{name}={world / folder}")]
    protocols = [part for key, value in METHODS_OF_IT.items() for part in ("--set", f"{key}={value}")]
    return ["--profile", "mini", "--web-labels", *data, *protocols], model


def test_a_model_of_the_miniature_has_the_figures_of_the_miniature(reproduced, of_the_miniature, tmp_path):
    arguments, model = of_the_miniature
    only = ("--only", "accuracy", "lowshot", "robustness", "finetune-30pct")
    run = evaluate(tmp_path, model, *arguments, *only)
    assert run.returncode == 0, run.stderr
    assert f"{model}: ResNet-10, layout ours, a classifier of 10 classes" in run.stdout
    assert "Left out, as not named with --on: webvision (accuracy), imagenet-a (robustness), coco (det" in run.stdout
    expected, found = metrics(reproduced), metrics(tmp_path)
    for kind in ("accuracy-imagenet", "lowshot-voc07", "lowshot-places205", "robustness-imagenet-r", "finetune-30pct"):
        assert found[kind] == expected[kind], kind

    again = evaluate(tmp_path, model, *arguments, *only)
    assert again.returncode == 0 and "6 jobs, 6 of them done" in again.stdout


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory) -> Path:
    """As torchvision has it, with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "My ResNet.v2.pth.tar"
    torch.save(resnet.resnet18().state_dict(), path)
    return path


def test_rows_stand_beside_the_papers(resnet18, miniature, tmp_path, capsys):
    on = ("--on", f"voc07={miniature / 'VOCdevkit'}")
    assert main(["evaluate", str(resnet18), *on, "--runs", str(tmp_path), *SMALL_PROTOCOLS]) == 0
    printed = capsys.readouterr().out
    assert "ResNet-18, layout torchvision, a classifier of 1000 classes" in printed
    digest = sha256_of(resnet18)
    folder = tmp_path / f"evaluate-my-resnet-v2-{hashlib.sha256(digest.encode()).hexdigest()[:8]}"
    with (folder / "tables/lowshot.csv").open() as table:
        rows = list(csv.DictReader(table))
    (ours,) = (row for row in rows if row["method"] == "My ResNet.v2" and row["figure"] == "VOC07 k=1")
    assert 0 < float(ours["mean"]) < 100
    assert re.search(r"\| MoPro +\| WebVision-V1.0 +\| .*not run", printed)
    plan = str(folder / "profile.yaml")
    assert main(["--profile", plan, "--runs", str(tmp_path), "--only", "lowshot-voc07"]) == 0
    assert "2 jobs, 2 of them done" in capsys.readouterr().out


def plan(capsys, *arguments: str) -> str:
    assert main(["evaluate", *arguments, "--dry-run"]) == 0
    return capsys.readouterr().out


def test_nothing_is_written_and_no_data_is_asked_for_by_a_plan(resnet18, tmp_path, capsys):
    printed = plan(capsys, str(resnet18), "--on", "imagenet_r=/nowhere", "--runs", str(tmp_path / "runs"))
    assert "robustness-imagenet-r/" in printed and "lowshot-voc07/" not in printed
    assert not (tmp_path / "runs").exists()


def test_a_classifier_counts_as_one_of_imagenets_labels_unless_it_is_said_that_it_is_not(resnet18, capsys):
    assert "finetune-1pct/" not in plan(capsys, str(resnet18), "--on", "imagenet=/nowhere")
    assert "finetune-1pct/" in plan(capsys, str(resnet18), "--on", "imagenet=/nowhere", "--web-labels")


def test_a_classifier_of_other_classes_is_named_and_left_out(tmp_path, capsys):
    torch.save(resnet.resnet18(num_classes=7).state_dict(), tmp_path / "seven.pth")
    printed = plan(capsys, str(tmp_path / "seven.pth"), "--on", "imagenet=/nowhere")
    assert "a classifier of 7 classes" in printed
    assert "Left out, as they need a classifier of ImageNet's 1000 classes: accuracy, robustness" in printed
    assert "finetune-1pct/" in printed and "accuracy-imagenet/" not in printed


def test_a_resnet_without_classifier_is_fine_tuned(tmp_path, capsys):
    state = resnet.resnet18().state_dict()
    del state["fc.bias"]
    torch.save(state, tmp_path / "half.pth")
    assert main(["evaluate", str(tmp_path / "half.pth"), "--on", "imagenet=/nowhere", "--dry-run"]) == 2
    assert "the nearest one: fc.bias is missing" in capsys.readouterr().err
    del state["fc.weight"]
    torch.save(state, tmp_path / "headless.pth")
    printed = plan(capsys, str(tmp_path / "headless.pth"), "--on", "imagenet=/nowhere")
    assert "ResNet-18, layout torchvision, no classifier that can be used" in printed
    assert "finetune-1pct/" in printed and "accuracy-imagenet/" not in printed


def test_two_checkpoints_of_one_name_have_their_own_rows(miniature, tmp_path):
    on = ("--on", f"voc07={miniature / 'VOCdevkit'}", "--runs", str(tmp_path / "runs"))
    for seed in range(2):
        torch.manual_seed(seed)
        (tmp_path / str(seed)).mkdir()
        torch.save(resnet.resnet18().state_dict(), tmp_path / f"{seed}/best.pth")
        assert main(["evaluate", str(tmp_path / f"{seed}/best.pth"), *on, *SMALL_PROTOCOLS]) == 0
    tables = [path.read_text() for path in (tmp_path / "runs").glob("evaluate-best-*/tables/lowshot.csv")]
    assert len(tables) == 2 and tables[0] != tables[1]


def test_a_machine_of_one_gpu_is_asked_for_one(resnet18, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    printed = plan(capsys, str(resnet18), "--on", "coco=/nowhere", "--only", "detection-1x")
    (line,) = (line for line in printed.splitlines() if line.startswith("detection-1x/"))
    assert line.split()[4:6] == ["1", "1"], line  # nodes and tasks


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--on", "voc=/x"], "there is no data set 'voc', expected one of webvision, imagenet, voc07,"),
        (["--on", "voc07"], "expected the data set's folder too, as in voc07=/datasets/voc07"),
        (["--on", "voc07=/nowhere"], "the folder /nowhere does not exist"),
        (["--on", "imagenet-r=/", "--on", "imagenet_r=/"], "--on names imagenet_r twice"),
        ([], "the following arguments are required: --on"),
        (
            ["--on", "voc07=/", "--layout", "nonesuch"],
            "--layout nonesuch: there is no such layout, expected one of mopro",
        ),
        (["--on", "voc07=/", "--layout", "swav"], "does not match the layout swav"),
        (["--on", "voc07=/", "--profile", "webvision50"], "The profile webvision50 has no data.voc07"),
        (["--on", "voc07=/", "--only", "detection"], "--only detection: the profile has lowshot-voc07"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(resnet18, tmp_path, capsys, arguments, said):
    assert main(["evaluate", str(resnet18), "--runs", str(tmp_path / "runs"), *arguments]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ({"head.weight": torch.zeros(3)}, "a function of yours can build any other network (--model ./mine.py:build"),
        (b"nothing of the kind", "is not a file that torch.save or safetensors wrote"),
    ],
)
def test_what_is_no_checkpoint_is_one_sentence(tmp_path, capsys, content, said):
    path = tmp_path / "file.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_tensors(path, content)
    assert main(["evaluate", str(path), "--on", "voc07=/", "--runs", str(tmp_path / "runs")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence
