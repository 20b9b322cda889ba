"""A checkpoint of any architecture: a function in a user's file builds the module that is evaluated."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from core.errors import InputError
from core.files import sha256_of
from core.user_code import UserCodeError
from core.workspace import Workspace
from pretrain.accuracy import stage as accuracy
from pretrain.backbone import Classifier
from pretrain.built import BUILT_FILE, built_in, module_of
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.tensor_files import save_tensors
from profiles.expand import jobs_of
from profiles.load import load_profile
from run_all import main
from tests.support.commands import environment
from tests.support.machine import RUN_ALL

MINE = """
import torch
from torch import nn

def build(path):
    return Mine(torch.load(path, weights_only=True))

class Mine(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def features(self, images):
        assert images.shape[1:] == (3, 28, 28) and images.dtype == torch.float32
        assert images.min() >= 0 and images.max() <= 1
        return images.mean(dim=(2, 3)) @ self.weights

    def logits(self, images):
        return self.features(images)
"""
OURS = """
import torch
from torch import nn
from pretrain.checkpoints import load_classifier

def build(path):
    return Ours(load_classifier(path))

class Ours(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def normalised(self, images):
        mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
        return (images - mean) / deviation

    def features(self, images):
        return self.model.features(self.normalised(images))

    def logits(self, images):
        return self.model(self.normalised(images))
"""
MINI = [
    *("--profile", "mini", "--set", "evaluate.lowshot_voc07.view={resize: 32, crop: 28}"),
    *("--set", "evaluate.lowshot_voc07.shots=[1]", "--set", "evaluate.lowshot_voc07.draws=2"),
]


@pytest.fixture
def mine(tmp_path) -> Path:
    """A module of ten classes in a file, and its checkpoint beside it."""
    (tmp_path / "mine.py").write_text(MINE)
    torch.save(torch.eye(3, 10), tmp_path / "weights.pth")
    return tmp_path


def on(miniature: Path, *names: str) -> list[str]:
    folders = {"voc07": "VOCdevkit"}
    return [part for name in names for part in ("--on", f"{name}={miniature / folders.get(name, name)}")]


def records(folder: Path) -> dict[str, dict]:
    found = [json.loads(path.read_text()) for path in folder.rglob("record.json")]
    return {record["tags"]["evaluation"]: record for record in found}


def printed_by(*arguments: str) -> str:
    """What the command says in a process of its own, which starts with the instructions of the profile."""
    done = subprocess.run([*RUN_ALL, *arguments], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_module_sees_images_between_0_and_1_and_has_its_rows(mine, miniature):
    arguments = ["evaluate", str(mine / "weights.pth"), "--model", f"{mine}/mine.py:build", *MINI]
    arguments += [*on(miniature, "voc07", "imagenet-r", "imagenet", "coco"), "--runs", str(mine / "runs")]
    printed = printed_by(*arguments)
    assert "10 features, a classifier of 10 classes" in printed
    assert "and a module of your own is evaluated as it is: finetune, detection" in printed
    found = records(mine / "runs")
    assert found.keys() == {"built", "accuracy-imagenet", "lowshot-voc07", "robustness-imagenet-r"}
    digest = hashlib.sha256((mine / "mine.py").read_bytes()).hexdigest()
    assert found["built"]["provenance"]["model"]["sha256"] == digest
    assert sorted(path.name for path in mine.iterdir()) == ["mine.py", "runs", "weights.pth"]
    assert "4 jobs, 4 of them done" in printed_by(*arguments)

    (mine / "mine.py").write_text(MINE + "\n# changed\n")
    assert "4 jobs" in (printed := printed_by(*arguments, "--dry-run")) and " done " not in printed


def test_a_model_of_ours_in_a_users_file_has_nearly_the_figures_that_it_has_without(miniature, tmp_path):
    torch.manual_seed(0)
    model = Classifier(BackboneConfig(depth=10, width=24, stem="small"), 10)
    save_tensors(tmp_path / "model.pt", exported(CrossEntropy(model)))
    (tmp_path / "ours.py").write_text(OURS)
    data = on(miniature, "voc07", "imagenet-r", "imagenet")
    for runs, how in (("named", []), ("built", ["--model", f"{tmp_path}/ours.py:build"])):
        arguments = ["evaluate", str(tmp_path / "model.pt"), *how, *MINI, *data, "--runs", str(tmp_path / runs)]
        printed_by(*arguments)
    named, built = records(tmp_path / "named"), records(tmp_path / "built")
    for kind in ("lowshot-voc07", "accuracy-imagenet", "robustness-imagenet-r"):
        for name, metric in named[kind]["metrics"].items():
            assert built[kind]["metrics"][name]["value"] == pytest.approx(metric["value"], abs=0.01), (kind, name)


def test_a_profile_names_one_beside_other_methods(mine):
    method = f"{{objective: built, model: '{mine}/mine.py:build', file: {mine}/weights.pth, pretrained_on: Elsewhere}}"
    jobs = jobs_of(load_profile("mini", [f"methods.mine={method}"]))
    assert {job.kind for job in jobs if job.tags.get("method") == "mine"} == {
        "built",
        "lowshot-voc07",
        "lowshot-places205",
    }


def identities(folder: Path, with_digest: bool = True) -> dict[str, str]:
    """Of the jobs of a module in a folder, by name."""
    digest = f", sha256: {hashlib.sha256((folder / 'weights.pth').read_bytes()).hexdigest()}" if with_digest else ""
    method = (
        f"{{objective: built, model: '{folder}/mine.py:build', file: {folder}/weights.pth, pretrained_on: It{digest}}}"
    )
    jobs = jobs_of(load_profile("mini", [f"methods.mine={method}"]))
    return {job.name: job.identity for job in jobs if job.tags.get("method") == "mine"}


def test_the_content_of_both_files_makes_the_identity_and_no_place(mine, tmp_path):
    moved, edited, other = (tmp_path / name for name in ("moved", "edited", "other"))
    for folder in (moved, edited, other):
        folder.mkdir()
        for name in ("mine.py", "weights.pth"):
            shutil.copy(mine / name, folder / name)
    (edited / "mine.py").write_text(MINE + "\n# changed\n")
    torch.save(torch.ones(3, 10), other / "weights.pth")
    assert identities(moved) == identities(mine)
    assert identities(moved, with_digest=False) != identities(mine, with_digest=False)
    for folder in (edited, other):
        assert not set(identities(folder).values()) & set(identities(mine).values())


def test_what_moved_after_it_was_built_is_named_with_what_to_do(mine, tmp_path):
    job = tmp_path / "job"
    job.mkdir()
    digests = {"sha256": sha256_of(mine / "weights.pth"), "model_sha256": sha256_of(mine / "mine.py")}
    content = {"file": f"{mine}/weights.pth", "model": f"{mine}/mine.py:build", "features": 10} | digests
    (job / BUILT_FILE).write_text(json.dumps(content))
    assert built_in(job) is not None
    for name in ("mine.py", "weights.pth"):
        (mine / name).rename(tmp_path / f"moved-{name}")
        with pytest.raises(
            InputError, match=f"{name} is gone, by which {job} says how .*: put it back, or remove that fo"
        ):
            built_in(job)
        (tmp_path / f"moved-{name}").rename(mine / name)


def test_files_that_changed_are_not_evaluated(mine, tmp_path):
    job = tmp_path / "job"
    job.mkdir()
    content = {"file": str(mine / "weights.pth"), "sha256": "0" * 64, "model": f"{mine}/mine.py:build", "features": 10}
    digest = hashlib.sha256((mine / "mine.py").read_bytes()).hexdigest()
    for model_sha256, said in ((digest, "is another file than"), ("0" * 64, "has changed since")):
        (job / BUILT_FILE).write_text(json.dumps(content | {"model_sha256": model_sha256}))
        with pytest.raises(InputError, match=said):
            built_in(job)
    os.remove(job / BUILT_FILE)
    assert built_in(job) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("def build(path):", "def build(path:"), "mine.py, line 5: SyntaxError"),
        (("def build(", "def built("), "has no build, only built, Mine: name one of these"),
        (("return Mine(torch", "return len(torch"), "mine.py, line 5: it gives a int, expected a torch.nn.Module"),
        (("def features", "def feature"), "mine.py, line 5: it gives a Mine, expected a torch.nn.Module with a method"),
        (("@ self.weights", "@ self.weight"), "mine.py, line 16: AttributeError"),
        (("images.mean(dim=(2, 3)) @ self.weights", "images"), "line 5: features gives (1, 3, 28, 28) for 1 images"),
        (("weights_only=True", "weights_only=True, no=1"), "mine.py, line 6: TypeError"),
        (("def build(path)", "def build()"), "mine.py, line 5: build() too many positional arguments"),
        (("def build(path)", "class build:\n  def __init__(self)"), "mine.py, line 5: build() too many positional"),
        (("return Mine(", "raise SystemExit("), "mine.py, line 6: SystemExit"),
        (("def features(self, images)", "def features(self)"), "line 13: Mine.features(self) too many positional"),
        (("def logits", "logits = nn.Linear(2, 2)\n    def other"), "mine.py, line 5: RuntimeError: mat1 and"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(mine, capsys, change, said):
    (mine / "mine.py").write_text(MINE.replace(*change))
    line = ["evaluate", str(mine / "weights.pth"), "--model", f"{mine}/mine.py:build", *MINI, "--on", "voc07=/"]
    assert main([*line, "--runs", str(mine / "runs")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence
    assert not (mine / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "mine.py"], "expected a file and a function in it, such as ./mine.py:build"),
        (["--model", "./gone.py:build"], "gone.py cannot be read"),
        (["--model", "./mine.py:build", "--layout", "swav"], "not allowed with argument"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(mine, capsys, arguments, said):
    assert main(["evaluate", str(mine / "weights.pth"), *arguments, "--on", "voc07=/"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence


def test_outputs_that_are_not_finite_are_laid_to_the_function(mine, miniature, tmp_path):
    (mine / "mine.py").write_text(MINE.replace("@ self.weights", "@ self.weights * torch.nan"))
    job, evaluation = tmp_path / "job", tmp_path / "evaluation"
    job.mkdir()
    evaluation.mkdir()
    built = {"file": mine / "weights.pth", "model": f"{mine}/mine.py:build", "features": 10}
    digests = {"sha256": sha256_of(mine / "weights.pth"), "model_sha256": sha256_of(mine / "mine.py")}
    (job / BUILT_FILE).write_text(json.dumps(built | digests, default=str))
    config = {"view": {"resize": 32, "crop": 28}, "batch_size": 50, "workers": 0}
    imagenet = {"layout": "imagenet", "folder": "imagenet", "classes": 10}
    with pytest.raises(UserCodeError, match=r"mine\.py, line 5: what it builds gives \d+ of \d+ images .* not finite"):
        accuracy.run(config | imagenet, Workspace(evaluation, {"checkpoint": job, "data": miniature}))


def test_what_is_no_function_cannot_build(mine):
    (mine / "mine.py").write_text("build = 3\n")
    with pytest.raises(InputError, match=r"mine\.py, line 1: found a int, expected a function"):
        module_of(f"{mine}/mine.py:build", mine / "weights.pth")
