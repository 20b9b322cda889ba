"""What a run memorises: the training is the evaluated one, its figures are what they are called."""

import shutil

import numpy as np
import pytest

from core.errors import InputError
from core.workspace import Workspace
from pretrain import pretraining
from pretrain.config import MemorisationConfig, PretrainConfig
from pretrain.memorisation import stage as memorisation
from tests.pretrain.test_pretraining import CONFIG

WATCHED = CONFIG.model_dump(mode="json") | {
    "imagenet": "imagenet",
    "view": {"resize": 32, "crop": 28},
    "batch_size": 50,
    "workers": 0,
}


@pytest.fixture(scope="module")
def pretrained(miniature, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    pretraining.run(CONFIG.model_dump(mode="json"), Workspace(folder, {"data": miniature}))
    return folder


def test_the_same_training_is_watched(miniature, pretrained, tmp_path):
    workspace = Workspace(tmp_path, {"data": miniature, "checkpoint": pretrained})
    metrics = memorisation.run(WATCHED, workspace)
    accuracies = workspace.provenance["clean_accuracies"]
    assert list(accuracies) == [str(epoch + 1) for epoch in range(CONFIG.schedule.epochs)]
    assert metrics["best_clean_top1"]["value"] == max(accuracies.values())
    assert metrics["clean_top1"]["value"] == accuracies[str(CONFIG.schedule.epochs)]
    assert metrics["best_clean_top1"]["n"] == 41
    assert 0 <= metrics["wrong_reproduced"]["value"] <= 100
    again = Workspace(tmp_path, {"data": miniature, "checkpoint": pretrained})  # trained already
    assert memorisation.run(WATCHED, again) == metrics


def test_another_model_than_the_evaluated_one_gives_no_figures(miniature, pretrained, tmp_path):
    other = WATCHED | {"seed": CONFIG.seed + 1}
    with pytest.raises(RuntimeError, match="another model"):
        memorisation.run(other, Workspace(tmp_path, {"data": miniature, "checkpoint": pretrained}))


def test_without_the_truth_nothing_is_said(miniature, pretrained, tmp_path):
    shutil.copytree(miniature / "webvision", tmp_path / "world/webvision")
    (tmp_path / "world/webvision/info/hidden_truth.txt").unlink()
    with pytest.raises(InputError, match=r"true labels of .* are not known"):
        memorisation.run(WATCHED, Workspace(tmp_path, {"data": tmp_path / "world", "checkpoint": pretrained}))


def test_shares_of_wrong_labels():
    """Of three wrongly labelled images one is given its wrong label and one its true one; a stranger counts nowhere."""
    given, truth, answers = np.array([0, 1, 2, 3, 4]), np.array([0, 2, 1, 0, -1]), np.array([0, 1, 1, 5, 4])
    metrics = memorisation.wrong_label_metrics(given, answers, truth)
    assert {name: (round(metric["value"], 6), metric["n"]) for name, metric in metrics.items()} == {
        "wrong_reproduced": (33.333333, 3),
        "wrong_seen_through": (33.333333, 3),
    }
    assert memorisation.wrong_label_metrics(given[:1], answers[:1], truth[:1]) == {}


def test_the_best_epoch_and_that_of_correction():
    values = WATCHED | {"schedule": WATCHED["schedule"] | {"epochs": 4}}
    values["method"] = values["method"] | {"correction_from_epoch": 3}
    metrics = memorisation.epoch_metrics(
        {1: 20.0, 2: 50.0, 3: 50.0, 4: 40.0}, MemorisationConfig.model_validate(values), 10
    )
    assert {name: metric["value"] for name, metric in metrics.items()} == {
        "clean_top1": 40.0,
        "best_clean_top1": 50.0,
        "best_epoch": 2,
        "clean_top1_before_correction": 50.0,
    }


def test_it_is_told_what_pretraining_is_told():
    assert PretrainConfig.model_fields.keys() <= MemorisationConfig.model_fields.keys()
