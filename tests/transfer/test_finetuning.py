"""Fine-tuning: where the model starts, what counts as the result, and what an interruption or more ranks change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.workspace import MODEL_FILE, PROGRESS_FILE, Workspace
from data.images import ImageTable
from data.sets.imagenet.reader import read_split
from metrics import top_k
from metrics.measures import MEASURES
from pretrain import loop
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.evaluation import answers_on
from pretrain.publication import weights_in
from pretrain.tensor_files import load_tensors, save_tensors
from tests.support.processes import in_two_processes, run_stage
from transfer.finetuning import stage as finetuning
from transfer.finetuning.config import FinetuneConfig
from transfer.finetuning.stage import HISTORY_FILE

SMALL = BackboneConfig(depth=10, width=8, stem="small")
EPOCHS = 5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pretraining job."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    save_tensors(folder / MODEL_FILE, exported(CrossEntropy(Classifier(SMALL, classes=10))))
    return folder


def configuration(**changes: Any) -> dict[str, Any]:
    """Half of the tiny training set, 20 images in 2 batches an epoch; evaluated after epochs 2, 4 and 5."""
    schedule = {
        "epochs": EPOCHS,
        "batch_size": 10,
        "learning_rate": 0.02,
        "decay_at": [3],
        "decay": 0.2,
        "momentum": 0.9,
        "weight_decay": 0,
    }
    values = {
        "seed": 0,
        "imagenet": "imagenet",
        "classes": 10,
        "keep_classifier": False,
        "batch_size": 7,
        "workers": 0,
        "views": {"size": 28, "crop_scale": [0.5, 1]},
        "view": {"resize": 32, "crop": 28},
        "schedule": schedule,
        "arithmetic": {},
        "runtime": {"workers": 0, "checkpoint_every": 3, "log_every": 10},
        "evaluate_every": 2,
        "subset": {"kind": "random", "fraction": 0.5},
    }
    return values | changes


def workspace(folder: Path, miniature: Path, checkpoint: Path) -> Workspace:
    folder.mkdir(exist_ok=True)
    return Workspace(folder, {"data": miniature, "checkpoint": checkpoint})


@pytest.fixture
def place(tmp_path, miniature, checkpoint) -> Workspace:
    return workspace(tmp_path / "job", miniature, checkpoint)


def test_the_last_epoch_is_the_result_and_the_best_stands_beside_it(place, monkeypatch):
    right = iter([10, 30, 20])  # of the 41 images

    def answers(images: ImageTable, *_) -> dict[str, np.ndarray]:
        wrong = np.arange(len(images)) >= next(right)
        classes = np.stack([(images.labels + wrong) % 10, images.labels], axis=1)
        return top_k.columns(np.array([b"one"] * len(images)), images.labels, classes, np.full(classes.shape, 0.5))

    monkeypatch.setattr(finetuning, "answers_on", answers)
    metrics = finetuning.run(configuration(), place)
    assert metrics["top1"].items() >= {"value": 2000 / 41, "unit": "%", "n": 41}.items()
    assert place.provenance["best_epoch"] == {"epoch": 4, "top1": 3000 / 41}
    assert place.provenance["history"] == {
        "2": {"top1": 1000 / 41, "top5": 100},
        "4": {"top1": 3000 / 41, "top5": 100},
        "5": {"top1": 2000 / 41, "top5": 100},
    }


def test_every_validation_image_counts_once(place):
    metrics = finetuning.run(configuration(), place)
    assert {metric["n"] for metric in metrics.values()} == {41}
    assert metrics["top1"]["value"] <= metrics["top5"]["value"]
    assert place.provenance["imagenet"]["val"]["images"] == 41
    assert place.provenance["imagenet"]["train"]["images"] == 20


def first_model(monkeypatch, config: dict[str, Any], place: Workspace) -> Classifier:
    """The model as it is handed to the training loop."""
    seen = []

    def train(method, dataset, config, *_) -> int:
        seen.append(method.encoder)
        raise KeyboardInterrupt

    monkeypatch.setattr(finetuning, "train", train)
    with pytest.raises(KeyboardInterrupt):
        finetuning.run(config, place)
    return seen[0]


def test_a_pretrained_classifier_is_kept(place, monkeypatch):
    model = first_model(monkeypatch, configuration(keep_classifier=True), place)
    tensors = torch.load(place.inputs["checkpoint"] / MODEL_FILE, weights_only=True)
    assert torch.equal(model.classifier.weight, tensors["fc.weight"])
    assert torch.equal(model.classifier.bias, tensors["fc.bias"])
    assert torch.equal(model.trunk.conv1.weight, tensors["conv1.weight"])


def test_a_fresh_classifier_depends_on_the_seed_alone(place, monkeypatch):
    models = [first_model(monkeypatch, configuration(seed=seed), place) for seed in (0, 0, 1)]
    tensors = torch.load(place.inputs["checkpoint"] / MODEL_FILE, weights_only=True)
    weights = [model.classifier.weight for model in models]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], tensors["fc.weight"])
    assert all(torch.equal(model.trunk.conv1.weight, tensors["conv1.weight"]) for model in models)


@pytest.mark.parametrize(("keep", "said"), [(True, "pretrained"), (False, "fresh")])
def test_the_record_says_which_classifier_came_first(place, keep, said):
    finetuning.run(configuration(keep_classifier=keep), place)
    assert place.provenance["first_classifier"] == said


def test_a_classifier_of_other_classes_can_only_be_replaced(tmp_path, miniature):
    save_tensors(tmp_path / MODEL_FILE, exported(CrossEntropy(Classifier(SMALL, classes=12))))
    place = workspace(tmp_path / "job", miniature, tmp_path)
    with pytest.raises(InputError, match=r"model\.pt has a classifier of 12 classes, expected ImageNet's 10"):
        finetuning.run(configuration(keep_classifier=True), place)
    finetuning.run(configuration(), place)
    assert place.provenance["first_classifier"] == "fresh"


def test_all_layers_are_trained(place):
    finetuning.run(configuration(), place)
    before = torch.load(place.inputs["checkpoint"] / MODEL_FILE, weights_only=True)
    after = torch.load(place.folder / loop.STATE_FILE, weights_only=True)["method"]
    trained = [name for name, _ in CrossEntropy(Classifier(SMALL, classes=10)).named_parameters()]
    for name in trained:
        exported_name = name.removeprefix("encoder.").removeprefix("trunk.").replace("classifier.", "fc.")
        assert not torch.equal(after[name], before[exported_name]), name


def test_the_weights_can_be_exported(place):
    """From the last training state, which is the network that was evaluated; of another one the record says so."""
    metrics = finetuning.run(configuration(), place)
    weights = weights_in(place.folder, place.provenance)
    model = Classifier(weights.architecture, len(weights.tensors["fc.bias"]))
    by_name = {f"trunk.{name}": tensor for name, tensor in weights.tensors.items() if not name.startswith("fc.")}
    by_name |= {
        name.replace("fc.", "classifier."): it for name, it in weights.tensors.items() if name.startswith("fc.")
    }
    model.load_state_dict(by_name)
    config = FinetuneConfig.model_validate(configuration())
    images = read_split(place.dataset(config.imagenet), "val", config.classes)
    found = MEASURES["top-k"].figures(answers_on(images, model.eval(), config, place, torch.device("cpu")))
    assert {name: metric["value"] for name, metric in found.items()} == {
        name: metric["value"] for name, metric in metrics.items()
    }
    state = load_tensors(place.folder / "state.pt")
    state["method"]["encoder.classifier.bias"][0] += 1
    save_tensors(place.folder / "state.pt", state)
    with pytest.raises(InputError, match=r"state\.pt are not those that the job has written"):
        weights_in(place.folder, place.provenance)


def test_a_list_of_names_stands_in_the_record(place, tmp_path, miniature):
    names = sorted(path.name for path in (miniature / "imagenet/train").rglob("*.JPEG"))[::3]
    path = tmp_path / "names.txt"
    path.write_text("\n".join(names))
    finetuning.run(configuration(subset={"kind": "list", "file": str(path)}), place)
    assert place.provenance["list"]["images"] == place.provenance["imagenet"]["train"]["images"] == len(names)
    assert len(place.provenance["list"]["sha256"]) == 64


def test_a_subset_smaller_than_a_batch(place):
    with pytest.raises(InputError, match=r"schedule\.batch_size is 10, but .*train gives 8 images"):
        finetuning.run(configuration(subset={"kind": "random", "fraction": 0.2}), place)


@pytest.mark.parametrize("evaluations", [1, 2, 3])
def test_an_interruption_changes_nothing(place, tmp_path, miniature, checkpoint, monkeypatch, evaluations):
    """Interrupted after an evaluation was written and before the training state of that moment was."""
    undisturbed = finetuning.run(configuration(), place)
    again = workspace(tmp_path / "again", miniature, checkpoint)
    written = []

    def write_and_stop(path, value) -> None:
        write_json(path, value)
        written.append(path)
        if len(written) == evaluations:
            raise KeyboardInterrupt

    write_json = finetuning.write_json
    monkeypatch.setattr(finetuning, "write_json", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        finetuning.run(configuration(), again)
    assert len(json.loads((again.folder / HISTORY_FILE).read_text())) == evaluations
    again = workspace(tmp_path / "again", miniature, checkpoint)
    assert finetuning.run(configuration(), again) == undisturbed
    assert again.provenance == place.provenance


def test_called_again_when_all_is_trained(place, miniature, checkpoint):
    metrics = finetuning.run(configuration(), place)
    again = workspace(place.folder, miniature, checkpoint)
    assert finetuning.run(configuration(), again) == metrics
    assert again.provenance == place.provenance


def test_the_progress_shown_is_that_of_the_training(place, monkeypatch):
    seen = []

    def progress(self, done: int, total: int, unit: str) -> None:
        if self.reports_progress:
            seen.append((done, total, unit))

    monkeypatch.setattr(Workspace, "progress", progress)
    finetuning.run(configuration(), place)
    assert seen == [(step, 2 * EPOCHS, "steps") for step in range(1, 2 * EPOCHS + 1)]
    assert not (place.folder / PROGRESS_FILE).exists()


def test_two_processes_measure_rank_0s_model_on_every_image_once(place, miniature, checkpoint):
    inputs = dict(place.inputs)
    (metrics, provenance), others = in_two_processes(run_stage, finetuning.run, configuration(), place.folder, inputs)
    assert others == (metrics, provenance)
    assert {metric["n"] for metric in metrics.values()} == {41}
    # One process reads the final state, which rank 0 wrote, and evaluates it alone.
    alone = Classifier(SMALL, classes=10)
    state = torch.load(place.folder / loop.STATE_FILE, weights_only=True)["method"]
    CrossEntropy(alone).load_state_dict(state)
    config = finetuning.FinetuneConfig.model_validate(configuration())
    validation = finetuning.read_split(miniature / "imagenet", "val", 10)
    device = torch.device("cpu")
    figures = top_k.figures(finetuning.answers_on(validation, alone.eval(), config, place, device))
    assert {name: figure["value"] for name, figure in figures.items()} == {
        name: figure["value"] for name, figure in metrics.items()
    }
