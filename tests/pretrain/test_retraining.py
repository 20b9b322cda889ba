"""Classifier re-training: balanced draws, two sources of features, exact resumption, a model that can be evaluated."""

import shutil
from functools import partial

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.workspace import Workspace
from data.config import EvaluationView
from data.loading import TrainingBatches, ViewedImages
from data.sets.webvision.reader import TRAIN_LISTS, read_train
from data.views import centre_view, weak_view
from pretrain import loop
from pretrain.accuracy import stage as accuracy
from pretrain.checkpoints import BESIDE_A_CLASSIFIER, exported, load_classifier
from pretrain.cross_entropy import CrossEntropy
from pretrain.methods.mopro import cleaning, retraining
from pretrain.methods.mopro.cleaning import PSEUDO_LABELS_FILE
from pretrain.methods.mopro.config import RetrainingConfig
from pretrain.sources import CachedFeatures, Images, StreamedFeatures
from pretrain.tensor_files import load_tensors, save_tensors
from tests.pretrain.test_checkpoints import mopro
from tests.pretrain.test_cleaning import CONFIG as CLEANING
from tests.support.processes import in_two_processes, run_stage

CENTRE = {"resize": 32, "crop": 28}
WEAK = {"size": 28, "crop_scale": [0.5, 1], "jitter": 0.4, "grayscale": 0.2}
CONFIG = {
    "seed": 5,
    "webvision": "webvision",
    "classes": 10,
    "view": CENTRE,
    "schedule": {
        "epochs": 3,
        "batch_size": 20,
        "learning_rate": 0.01,
        "decay_at": [1],
        "decay": 0.1,
        "momentum": 0.9,
        "weight_decay": 0,
    },
    "arithmetic": {"channels_last": True},
    "runtime": {"workers": 0, "checkpoint_every": 4, "log_every": 5},
}
CPU = torch.device("cpu")


@pytest.fixture
def inputs(miniature, tmp_path):
    """A MoPro checkpoint that has seen nothing, and a cleaning that kept half of the images of every second class."""
    save_tensors(tmp_path / "checkpoint/model.pt", exported(mopro()))
    images = read_train(miniature / "webvision", 10)
    kept = [row for row in range(len(images)) if images.labels[row] % 2 or row % 20 < 10]
    (tmp_path / "cleaning").mkdir()
    lines = [f"{images.paths[row].decode()} {images.labels[row]}\n" for row in kept]
    (tmp_path / "cleaning" / PSEUDO_LABELS_FILE).write_text("".join(lines))
    return {"data": miniature, "checkpoint": tmp_path / "checkpoint", "cleaning": tmp_path / "cleaning"}


def workspace_in(folder, inputs):
    folder.mkdir(exist_ok=True)
    return Workspace(folder, inputs)


def test_rarer_classes_have_more_copies():
    labels = np.repeat([0, 1, 3, 4], [400, 100, 25, 3])
    assert retraining.copies_of_classes(labels).tolist() == [10, 20, 0, 40, 115]  # floor(10 sqrt(400 / 3)) = 115


def test_draws_have_the_frequencies_of_the_copies():
    """An epoch's images of class c are hypergeometric: n draws from all copies, f_c copies_c of them of class c."""
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [900, 90, 9]))
    copies = np.array([900 * 10, 90 * 31, 9 * 100])
    order = retraining.balanced_draws(labels, seed=0)
    epochs = 200
    counts = np.mean([np.bincount(labels[order(epoch)[:, 0]], minlength=3) for epoch in range(epochs)], axis=0)
    shares = copies / copies.sum()
    deviation = np.sqrt(999 * shares * (1 - shares) / epochs)
    assert (np.abs(counts - 999 * shares) < 4 * deviation).all()


def test_a_draw_takes_no_copy_twice_and_depends_on_seed_and_epoch_alone():
    labels = np.repeat([0, 1], [60, 7])
    first = retraining.balanced_draws(labels, seed=1)(0)
    assert first.shape == (67, 2)
    assert len({tuple(copy) for copy in first.tolist()}) == 67
    copies = retraining.copies_of_classes(labels)[labels]
    assert (first[:, 1] < copies[first[:, 0]]).all() and (first[:, 1] >= 0).all()
    np.random.default_rng().random()
    assert np.array_equal(first, retraining.balanced_draws(labels, seed=1)(0))
    assert not np.array_equal(first, retraining.balanced_draws(labels, seed=1)(1))
    assert not np.array_equal(first, retraining.balanced_draws(labels, seed=2)(0))


def test_ranks_share_the_draws():
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    alone = list(TrainingBatches(60, 8, 2, retraining.balanced_draws(labels, seed=3)))
    shares = [
        list(TrainingBatches(60, 8, 2, retraining.balanced_draws(labels, seed=3), rank=rank, world_size=2))
        for rank in range(2)
    ]
    assert [[key for part in parts for key in part] for parts in zip(*shares, strict=True)] == alone


def test_two_copies_of_an_image_are_cropped_differently(miniature):
    config = RetrainingConfig.model_validate(CONFIG | {"view": WEAK})
    images = read_train(miniature / "webvision", 10)
    dataset = ViewedImages(images, [weak_view(config.view)], seed=5)
    (first,), _, _ = dataset[0, 3, 0]
    (second,), _, _ = dataset[0, 3, 1]
    (again,), _, _ = dataset[0, 3, 1]
    assert not torch.equal(first, second)
    assert torch.equal(second, again)


def test_cached_and_streamed_features_train_the_same_classifier(miniature, inputs, tmp_path):
    config = RetrainingConfig.model_validate(CONFIG)
    assert isinstance(config.view, EvaluationView)
    images = read_train(miniature / "webvision", 10)
    model = load_classifier(inputs["checkpoint"] / "model.pt")
    cached = retraining.frozen_features(model, images, config, workspace_in(tmp_path / "cached", inputs), CPU)
    dataset = ViewedImages(images, [centre_view(config.view)], seed=5)
    streamed = StreamedFeatures(Images(dataset, config, CPU), model)
    assert isinstance(cached, CachedFeatures)
    weights = []
    for name, source in (("a", cached), ("b", streamed)):
        method = CrossEntropy(retraining.new_classifier(model.feature_size, 10, seed=5))
        order = retraining.balanced_draws(images.labels, seed=5)
        assert loop.train(method, source, order, config, workspace_in(tmp_path / name, inputs), CPU) == 30
        weights.append(method.encoder.weight.detach())
    torch.testing.assert_close(weights[0], weights[1], atol=1e-6, rtol=1e-4)
    assert (weights[0] - retraining.new_classifier(model.feature_size, 10, seed=5).weight).abs().max() > 1e-3


class Killed(BaseException):
    pass


@pytest.mark.parametrize("view", [CENTRE, WEAK])
def test_a_killed_run_goes_on_to_the_same_model(inputs, tmp_path, monkeypatch, view):
    config = CONFIG | {"view": view}
    undisturbed = workspace_in(tmp_path / "undisturbed", inputs)
    metrics = retraining.run(config, undisturbed)
    assert metrics["steps"]["value"] == 3 * 7

    disturbed = workspace_in(tmp_path / "disturbed", inputs)
    advance, steps = loop.TrainingState.advance, []

    def advance_until_killed(self, *arguments):
        steps.append(self.step)
        if len(steps) == 11:
            raise Killed
        advance(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.TrainingState, "advance", advance_until_killed)
        with pytest.raises(Killed):
            retraining.run(config, disturbed)
    assert not (disturbed.folder / "model.pt").exists()
    again = workspace_in(disturbed.folder, inputs)
    assert retraining.run(config, again) == metrics
    assert again.provenance == undisturbed.provenance


def test_the_trunk_stays_and_the_classifier_is_new(inputs, tmp_path):
    retraining.run(CONFIG | {"view": WEAK}, workspace_in(tmp_path / "retraining", inputs))
    before, after = (load_tensors(path / "model.pt") for path in (inputs["checkpoint"], tmp_path / "retraining"))
    assert before.keys() - after.keys() == {name for name in before if name.startswith(BESIDE_A_CLASSIFIER)}
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_the_accuracy_of_a_retrained_classifier(inputs, tmp_path):
    retraining.run(CONFIG, workspace_in(tmp_path / "retraining", inputs))
    config = {
        "view": CENTRE,
        "batch_size": 10,
        "workers": 0,
        "layout": "webvision",
        "folder": "webvision",
        "classes": 10,
    }
    evaluated = inputs | {"checkpoint": tmp_path / "retraining"}
    metrics = accuracy.run(config, workspace_in(tmp_path / "accuracy", evaluated))
    assert metrics["top1"]["n"] == 41


def test_too_few_kept_images(inputs, tmp_path):
    listed = inputs["cleaning"] / PSEUDO_LABELS_FILE
    listed.write_text("".join(listed.read_text().splitlines(keepends=True)[:19]))
    with pytest.raises(InputError, match=r"batch_size is 20, but .*pseudo_labels\.txt gives 19 images: lower it"):
        retraining.run(CONFIG, workspace_in(tmp_path / "retraining", inputs))


def clean_and_retrain(folder, inputs, call):
    """Both stages, each in a folder of its own; ``call`` calls one."""
    for name, stage, config in (("cleaning", cleaning, CLEANING), ("retraining", retraining, CONFIG)):
        (folder / name).mkdir(parents=True)
        call(stage.run, config, folder / name, inputs | {"cleaning": folder / "cleaning"})


def test_two_processes_clean_and_train_as_one(inputs, tmp_path):
    """On a set whose size two does not divide."""
    data = shutil.copytree(inputs["data"], tmp_path / "data")
    for path in (data / "webvision" / TRAIN_LISTS[1], data / "webvision/info/hidden_truth.txt"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    inputs = inputs | {"data": data}
    clean_and_retrain(tmp_path / "one", inputs, run_stage)
    clean_and_retrain(tmp_path / "two", inputs, partial(in_two_processes, run_stage))
    lists = [(tmp_path / name / "cleaning" / PSEUDO_LABELS_FILE).read_bytes() for name in ("one", "two")]
    assert lists[0] == lists[1]
    models = [load_tensors(tmp_path / name / "retraining/model.pt") for name in ("one", "two")]
    torch.testing.assert_close(models[0]["fc.weight"], models[1]["fc.weight"], atol=1e-6, rtol=1e-4)
