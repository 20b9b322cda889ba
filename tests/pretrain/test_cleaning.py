"""Noise cleaning: the rule on a hand-made model, the analysis on a hand-made truth, the stage on the miniature."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.errors import InputError
from core.exhibits import EXHIBITS_FILE
from core.workspace import Workspace
from data.lists import read_list
from data.miniature.truth import read_hidden_truth
from data.sets.webvision.reader import read_train
from metrics.correction import against_truth
from pretrain.backbone import ProjectingEncoder
from pretrain.checkpoints import exported
from pretrain.methods.mopro import cleaning
from pretrain.methods.mopro.config import CleaningConfig
from pretrain.methods.mopro.correction import Correction
from pretrain.methods.mopro.gallery import class_names, gallery
from pretrain.methods.mopro.model import MoPro
from pretrain.tensor_files import save_tensors
from tests.pretrain.test_checkpoints import SMALL
from tests.support.toy_world import CONSTANTS

CONFIG = {
    "webvision": "webvision",
    "classes": 10,
    "method": CONSTANTS.model_dump(),
    "view": {"resize": 32, "crop": 28},
    "batch_size": 37,
    "workers": 0,
}


class ScoresOfLabels(torch.nn.Module):
    """Knows which images it is shown by their order, and scores them as it is told."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = list(scores.log())

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = torch.stack([self.scores.pop(0) for _ in images])
        return logits, logits


def test_every_image_is_judged_by_its_scores(miniature, tmp_path):
    images = read_train(miniature / "webvision", 10).subset(np.arange(5))  # labels 0 to 4
    scores = torch.full((5, 10), 0.01)
    scores[0, 0] = scores[1, 7] = scores[4, 4] = 0.91  # certain of the label; of another class; of the label
    scores[2] = 0.2 * F.one_hot(torch.tensor(2), 10) + 0.8 / 9 * (1 - F.one_hot(torch.tensor(2), 10))  # above chance
    scores[3] = 0.05 * F.one_hot(torch.tensor(3), 10) + 0.95 / 9 * (1 - F.one_hot(torch.tensor(3), 10))  # below chance
    config = CleaningConfig.model_validate(CONFIG | {"batch_size": 2}).model_copy(
        update={"method": CONSTANTS.model_copy(update={"temperature": 1, "threshold": 0.8})}
    )
    model = ScoresOfLabels(scores)  # its embeddings are its logits, which the identity as prototypes leaves as they are
    correction = cleaning.correct_images(model, torch.eye(10), images, config, Workspace(tmp_path), torch.device("cpu"))
    assert correction.pseudo.tolist() == [0, 7, 2, 3, 4]
    assert correction.kept.tolist() == [True, True, True, False, True]
    assert correction.given_score == pytest.approx([0.91, 0.01, 0.2, 0.05, 0.91])
    assert correction.highest[[0, 1, 2, 4]] == pytest.approx([0.91, 0.91, 0.2, 0.91])
    assert correction.prototype[[0, 1, 2, 4]].tolist() == [0, 7, 2, 4]
    assert correction.similarity[0] == pytest.approx(np.log(0.91))


def test_analysis_against_a_known_truth():
    truth = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    given_ = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    pseudo = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    kept = np.array([1, 0, 1, 1, 1, 0, 0, 1], dtype=bool)
    shares = {
        name: (counts[whole].sum(), whole.sum())
        for name, (counts, whole) in against_truth(given_, pseudo, kept, truth).items()
    }
    assert shares == {
        "noise_corrected": (1, 3),  # one corrected, one kept as it was, one right but dropped
        "clean_kept": (1, 3),  # one kept, one dropped, one kept with another label
        "out_of_distribution_dropped": (1, 2),
    }


@pytest.fixture
def checkpoint(tmp_path):
    """A MoPro model whose encoder has seen nothing, in a job's folder."""
    torch.manual_seed(3)
    method = MoPro(ProjectingEncoder(SMALL, 10, CONSTANTS.embedding_size), 10, CONSTANTS, seed=3)
    method.prototypes = F.normalize(torch.randn(10, CONSTANTS.embedding_size))
    save_tensors(tmp_path / "checkpoint/model.pt", exported(method))
    return tmp_path / "checkpoint"


def run_in(folder, data, checkpoint):
    folder.mkdir()
    workspace = Workspace(folder, {"data": data, "checkpoint": checkpoint})
    return cleaning.run(CONFIG, workspace), workspace


def test_the_stage_writes_what_it_keeps_in_the_order_of_the_set(miniature, checkpoint, tmp_path):
    metrics, workspace = run_in(tmp_path / "cleaning", miniature, checkpoint)
    images = read_train(miniature / "webvision", 10)
    paths, labels = read_list(workspace.folder / cleaning.PSEUDO_LABELS_FILE, 10)
    positions = [images.paths.tolist().index(path) for path in paths.tolist()]
    assert positions == sorted(positions)
    assert 0 < len(paths) < 200
    assert metrics["kept"].items() >= {"value": 100 * len(paths) / 200, "unit": "%", "n": 200}.items()
    changed = (labels != images.labels[positions]).sum()
    found = dict(metrics["changed"])
    low, high = found.pop("interval")
    assert low <= 100 * changed / len(paths) <= high
    assert found == {"value": pytest.approx(100 * changed / len(paths)), "unit": "%", "n": len(paths)}
    assert metrics.keys() - {"kept", "changed"} == {"noise_corrected", "clean_kept", "out_of_distribution_dropped"}
    assert len(workspace.provenance["pseudo_labels_sha256"]) == 64
    again = run_in(tmp_path / "again", miniature, checkpoint)
    assert (again[0], again[1].provenance) == (metrics, workspace.provenance)


def test_the_batch_size_changes_nothing(miniature, checkpoint, tmp_path):
    written = []
    for size in (7, 200):
        folder = tmp_path / str(size)
        folder.mkdir()
        workspace = Workspace(folder, {"data": miniature, "checkpoint": checkpoint})
        cleaning.run(CONFIG | {"batch_size": size}, workspace)
        written.append((folder / cleaning.PSEUDO_LABELS_FILE).read_bytes())
    assert written[0] == written[1]


def test_without_a_known_truth_there_is_no_analysis(miniature, checkpoint, tmp_path):
    data = shutil.copytree(miniature, tmp_path / "data")
    (data / "webvision/info/hidden_truth.txt").unlink()
    assert run_in(tmp_path / "cleaning", data, checkpoint)[0].keys() == {"kept", "changed"}


def test_a_truth_of_other_images_is_refused(miniature, checkpoint, tmp_path):
    data = shutil.copytree(miniature, tmp_path / "data")
    path = data / "webvision/info/hidden_truth.txt"
    path.write_text(path.read_text().split("\n", 1)[1])
    with pytest.raises(InputError, match=r"hidden_truth\.txt does not name the 200 training images in their order"):
        run_in(tmp_path / "cleaning", data, checkpoint)


def test_the_gallery_shows_each_group_and_what_the_truth_says(miniature, checkpoint, tmp_path):
    run_in(tmp_path / "cleaning", miniature, checkpoint)
    images = read_train(miniature / "webvision", 10)
    truth = read_hidden_truth(images)
    entries = json.loads((tmp_path / "cleaning" / EXHIBITS_FILE).read_text())
    groups = {name: [it for it in entries if it["group"] == name] for name in ("corrected", "dropped", "kept")}
    assert all(0 < len(group) <= 12 for name, group in groups.items() if name != "corrected")
    nearest = [it["details"]["similarity"] for it in entries if it["group"] == "prototypes"]
    assert nearest
    names = class_names(images, truth)
    assert {it["details"]["truth"] for it in entries} <= {*names, "no class"}
    for it in groups["dropped"]:
        assert it["details"]["agrees"] == (it["details"]["truth"] == "no class")
        assert it["details"]["score_of_given"] <= 0.1  # chance
    for it in groups["kept"]:
        assert it["details"]["agrees"] == (it["details"]["truth"] == it["details"]["given"] == it["caption"])
    run_in(tmp_path / "again", miniature, checkpoint)
    again = (tmp_path / "again" / EXHIBITS_FILE).read_bytes()
    assert again == (tmp_path / "cleaning" / EXHIBITS_FILE).read_bytes()


def test_a_gallery_without_a_known_truth_names_classes_as_the_data_set_does(miniature, tmp_path):
    images = read_train(miniature / "webvision", 10)
    images = replace(images, root=shutil.copytree(miniature / "webvision", tmp_path / "webvision"))
    n = len(images)
    pseudo = (images.labels + (np.arange(n) % 3 == 0)) % 10
    correction = Correction(pseudo, np.arange(n) % 5 > 0, np.full(n, 0.1), np.full(n, 0.9), pseudo, np.arange(n) / n)
    shown = gallery(images, correction, None)
    corrected = [it for it in shown if it.group == "corrected"]
    assert len(corrected) == 12
    assert all("truth" not in it.details for it in shown)
    assert corrected[0].caption == f"{corrected[0].details['given']} → {corrected[0].details['new']}"
    assert corrected[0].details["given"].startswith("class ")
    of_first = [it.details["similarity"] for it in shown if it.group == "prototypes"][:6]
    assert of_first == sorted(of_first, reverse=True)
    lines = "".join(f"n{label:08} thing {label}, other name\n" for label in range(10))
    (images.root / "info/synsets.txt").write_text(lines)
    assert class_names(images, None) == [f"thing {label}" for label in range(10)]
