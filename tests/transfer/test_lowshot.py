"""The low-shot protocol: draws, classifiers, measures; what its stages read and record."""

import hashlib
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.config import EvaluationView
from data.images import ImageTable
from data.sets.places205.reader import read_split
from metrics.draws import accuracy, mean_average_precision
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.evaluation import pretrained_classifier
from pretrain.features import pooled_features
from pretrain.tensor_files import save_tensors
from tests.support.processes import in_two_processes, run_stage
from transfer.lowshot import places205, voc07
from transfer.lowshot.config import LowShotConfig, OneVsRestSVMConfig, SVMConfig
from transfer.lowshot.features import unit_rows
from transfer.lowshot.protocol import Classifiers, draw_shots

SVM = SVMConfig(cost=0.5, tolerance=1e-4, iterations=2000)
ONE_VS_REST = OneVsRestSVMConfig(cost=0.5, tolerance=1e-4, iterations=2000, positive_weight=2)
BACKBONE = BackboneConfig(depth=10, width=16, stem="small")
PLACES205 = LowShotConfig(
    view=EvaluationView(resize=32, crop=28),
    batch_size=10,
    workers=0,
    seed=3,
    folder="places205",
    classes=12,
    shots=(1, 2),
    draws=2,
    svm=SVM,
).model_dump(mode="json")
VOC07 = PLACES205 | {"folder": "VOCdevkit", "classes": 20, "svm": ONE_VS_REST.model_dump(mode="json")}


@pytest.fixture
def labels() -> np.ndarray:
    return (np.random.default_rng(0).random((60, 4)) < 0.4).astype(int)


@pytest.fixture
def candidates(labels) -> list[np.ndarray]:
    return voc07.rows_by_class(labels)


def checkpoint(folder: Path, seed: int) -> Path:
    """The folder of an untrained network's exported model."""
    torch.manual_seed(seed)
    save_tensors(folder / MODEL_FILE, exported(CrossEntropy(Classifier(BACKBONE, classes=10))))
    return folder


@pytest.fixture
def workspace(miniature, tmp_path) -> Workspace:
    (tmp_path / "job").mkdir()
    return Workspace(tmp_path / "job", {"data": miniature, "checkpoint": checkpoint(tmp_path / "checkpoint", 0)})


def test_draws_hold_k_images_of_each_class_without_repetition(labels, candidates):
    rows = draw_shots(candidates, 5, seed=1, draw=0).reshape(4, 5)
    for label, of_class in enumerate(rows):
        assert len(set(of_class)) == 5
        assert (labels[of_class, label] == 1).all()


def test_draws_depend_on_seed_k_and_number_alone(candidates):
    first = draw_shots(candidates, 3, seed=1, draw=0)
    np.random.default_rng().random()
    assert np.array_equal(first, draw_shots(candidates, 3, seed=1, draw=0))
    assert not np.array_equal(first, draw_shots(candidates, 3, seed=1, draw=1))
    assert not np.array_equal(first, draw_shots(candidates, 3, seed=2, draw=0))


def test_draws_stay_what_they_are(candidates):
    """Figures that were measured before rest on them."""
    assert draw_shots(candidates, 3, seed=1, draw=0).tolist() == [59, 23, 38, 46, 43, 6, 15, 47, 41, 37, 52, 2]


def test_too_few_images_of_a_class(candidates):
    with pytest.raises(InputError, match=r"Class \d has \d+ training images, 60 are to be drawn: lower k"):
        draw_shots(candidates, 60, seed=0, draw=0)


def test_a_class_without_images():
    candidates = places205.rows_by_class(np.array([2, 0, 0, 2]), classes=4)
    assert [rows.tolist() for rows in candidates] == [[1, 2], [], [0, 3], []]
    with pytest.raises(InputError, match="Class 1 has 0 training images, 1 are"):
        draw_shots(candidates, 1, seed=0, draw=0)


def test_single_labels_and_multi_labels_are_drawn_from_alike():
    labels = np.random.default_rng(0).integers(0, 5, 100)
    dense = voc07.rows_by_class(np.eye(5, dtype=int)[labels])
    sparse = places205.rows_by_class(labels, classes=5)
    assert all(np.array_equal(*rows) for rows in zip(dense, sparse, strict=True))
    rows = draw_shots(sparse, 4, seed=0, draw=0)
    assert labels[rows].tolist() == [label for label in range(5) for _ in range(4)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1, 30])
def test_svms_that_stop_at_their_limit_are_counted_as_the_library_warns_of_them(labels, scale):
    features = scale * np.random.default_rng(1).random((60, 8))
    for iterations in (1, 20, 60, 2000):
        classifiers = voc07.one_vs_rest(ONE_VS_REST.model_copy(update={"iterations": iterations}))
        warned = 0
        for targets in 2 * labels.T - 1:
            own = LinearSVC(**classifiers.fit(features, targets).get_params())
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                own.fit(features, targets)
            warned += any(issubclass(it.category, ConvergenceWarning) for it in said)
        assert (classifiers.fitted, classifiers.not_converged) == (4, warned)
        assert warned == 4 or iterations > 1


@pytest.mark.parametrize(("stage", "config", "classifiers"), [(places205, PLACES205, 2), (voc07, VOC07, 40)])
def test_a_figure_says_how_many_svms_did_not_converge(workspace, capfd, stage, config, classifiers):
    config = config | {"svm": config["svm"] | {"iterations": 1}}
    metrics = stage.run(config, workspace)
    for k in ("k1", "k2"):
        convergence = metrics[k]["convergence"]
        assert convergence["fitted"] == classifiers
        assert 0 < convergence["not_converged"] <= classifiers
    said = capfd.readouterr()
    assert "Warning" not in said.err
    total = sum(metrics[k]["convergence"]["not_converged"] for k in ("k1", "k2"))
    assert f"{total} of {2 * classifiers} SVMs stopped at their limit of iterations" in said.out


def test_separable_features_are_ranked_perfectly(labels):
    features = unit_rows(labels + 0.01)
    scores = voc07.decision_scores(features, labels, features, voc07.one_vs_rest(ONE_VS_REST))
    assert mean_average_precision(labels == 1, scores) == pytest.approx(1)


@pytest.fixture
def fitted(monkeypatch) -> list[tuple[dict, list[int]]]:
    """The parameters of every classifier that is fitted from here on, and the values of its targets."""
    seen = []
    fit = LinearSVC.fit

    def spy(self, features, targets):
        seen.append((self.get_params(), sorted(set(targets.tolist()))))
        return fit(self, features, targets)

    monkeypatch.setattr(LinearSVC, "fit", spy)
    return seen


PROTOCOL = {"C": 0.5, "loss": "squared_hinge", "penalty": "l2", "tol": 1e-4, "dual": True, "max_iter": 2000}


def test_voc07_fits_one_classifier_a_class_with_the_protocols_constants(labels, fitted):
    features = np.random.default_rng(1).random((60, 8))
    voc07.decision_scores(features, labels, features, voc07.one_vs_rest(ONE_VS_REST))
    assert len(fitted) == 4
    for parameters, targets in fitted:
        assert targets == [-1, 1]
        assert PROTOCOL.items() <= parameters.items()
        assert parameters["class_weight"] == {1: 2, -1: 1}


def test_places205_fits_one_classifier_over_all_classes_with_the_protocols_constants(fitted):
    labels = np.arange(60) % 5
    features = np.random.default_rng(1).random((60, 8))
    Classifiers(SVM).fit(features, labels)
    ((parameters, targets),) = fitted
    assert targets == [0, 1, 2, 3, 4]
    assert PROTOCOL.items() <= parameters.items()
    assert (parameters["class_weight"], parameters["multi_class"]) == (None, "ovr")


@pytest.mark.filterwarnings("error")
def test_one_image_a_class_is_no_reason_for_a_warning():
    features = np.random.default_rng(0).random((40, 8))
    assert Classifiers(SVM).fit(features, np.arange(40)).predict(features).tolist() == list(range(40))


def test_unit_rows():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows[0] == pytest.approx([0.6, 0.8], abs=1e-5)
    assert rows[1].tolist() == [0, 0]


@pytest.fixture
def decoded(monkeypatch) -> Counter:
    """How often each image file is opened, to be decoded, from here on."""
    counts: Counter = Counter()
    opened = ImageTable.open

    def spy(self, index):
        counts[self.paths[index]] += 1
        return opened(self, index)

    monkeypatch.setattr(ImageTable, "open", spy)
    monkeypatch.setattr("data.identity.sampled_rows", lambda images: np.arange(0))  # which fingerprints open
    return counts


def test_places205_reads_the_drawn_images_alone_and_once(miniature, workspace, decoded):
    places205.run(PLACES205, workspace)
    train, val = (read_split(miniature / "places205", split, 12) for split in ("train", "val"))
    drawn = {row for draw in json.loads((workspace.folder / "draws.json").read_text()) for row in draw["rows"]}
    assert 24 <= len(drawn) < len(train) == 60
    assert decoded == Counter([*train.paths[sorted(drawn)], *val.paths])


def test_places205_figures_are_those_of_the_drawn_images_features(miniature, workspace):
    """With features of all images, and the draws as they were recorded."""
    metrics = places205.run(PLACES205, workspace)
    train, val = (read_split(miniature / "places205", split, 12) for split in ("train", "val"))
    config = LowShotConfig.model_validate(PLACES205)
    model = pretrained_classifier(workspace, torch.device("cpu"))
    features, val_features = (
        unit_rows(pooled_features(model, table, name, config, workspace, torch.device("cpu")))
        for table, name in ((train, "everything"), (val, "all of val"))
    )
    for k in (1, 2):
        values = [
            100 * accuracy(Classifiers(SVM).fit(features[rows], train.labels[rows]).predict(val_features), val.labels)
            for draw in json.loads((workspace.folder / "draws.json").read_text())
            if draw["k"] == k and (rows := draw["rows"])
        ]
        found = metrics[f"k{k}"]
        low, high = found.pop("interval")
        assert low < found["value"] < high
        assert found == {
            "value": pytest.approx(np.mean(values)),
            "unit": "%",
            "n": 2,
            "spread": pytest.approx(np.std(values, ddof=1)),
            "convergence": {"fitted": 2, "not_converged": 0},
        }


@pytest.mark.parametrize(("stage", "config"), [(places205, PLACES205), (voc07, VOC07)])
def test_every_checkpoint_sees_the_same_draws_and_they_are_recorded(workspace, tmp_path, stage, config):
    (tmp_path / "other").mkdir()
    inputs = workspace.inputs | {"checkpoint": checkpoint(tmp_path / "other checkpoint", 1)}
    other = Workspace(tmp_path / "other", inputs)
    assert stage.run(config, workspace) != stage.run(config, other)
    assert workspace.provenance == other.provenance
    draws = json.loads((workspace.folder / "draws.json").read_text())
    assert draws == json.loads((other.folder / "draws.json").read_text())
    assert [(draw["k"], draw["draw"]) for draw in draws] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    rows = np.concatenate([draw["rows"] for draw in draws])
    assert workspace.provenance["draws_sha256"] == hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


@pytest.mark.parametrize(("stage", "config"), [(places205, PLACES205), (voc07, VOC07)])
def test_started_again_no_image_is_read_twice(workspace, decoded, stage, config):
    metrics = stage.run(config, workspace)
    decoded.clear()
    assert stage.run(config, Workspace(workspace.folder, workspace.inputs)) == metrics
    assert not decoded


@pytest.mark.parametrize(("stage", "config"), [(places205, PLACES205), (voc07, VOC07)])
def test_draws_side_by_side_give_the_figures_of_one_after_the_other(workspace, tmp_path, stage, config):
    """To the bit, also where SVMs stop before they converge and so hang on every random number."""
    config = config | {"draws": 4, "svm": config["svm"] | {"iterations": 20}}
    metrics = stage.run(config, workspace)
    (tmp_path / "two").mkdir()
    two = Workspace(tmp_path / "two", workspace.inputs, cpus=2)
    assert stage.run(config, two) == metrics
    assert any(figure["convergence"]["not_converged"] for figure in metrics.values())
    (output,) = (kept.file for kept in workspace.outputs.values())
    assert (two.folder / output).read_bytes() == (workspace.folder / output).read_bytes()


def test_two_processes_give_the_figures_of_one(workspace, tmp_path):
    metrics = places205.run(PLACES205, workspace)  # of 41 validation images, which two do not share evenly
    (tmp_path / "two").mkdir()
    results = in_two_processes(run_stage, places205.run, PLACES205, tmp_path / "two", dict(workspace.inputs))
    assert [found for found, _ in results] == [metrics, metrics]
    assert (tmp_path / "two/draws.json").read_text() == (workspace.folder / "draws.json").read_text()
