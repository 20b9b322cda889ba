"""ImageNet-R and ImageNet-A: reading, restriction to the classes present, ranks, and the miniature's own of each."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.miniature.classes import IMAGENET_CLASSES
from data.miniature.renditions import LABELS, STYLES
from data.sets.imagenet import synsets
from data.sets.imagenet_variants.reader import read_published, read_variant
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.tensor_files import save_tensors
from robustness import evaluation, hard_images
from robustness.evaluation import choose_among
from tests.support.processes import in_two_processes, run_stage

BACKBONE = {"depth": 10, "width": 16, "stem": "small"}
CONFIG = {
    "view": {"resize": 32, "crop": 28},
    "batch_size": 10,
    "workers": 0,
    "folder": "imagenet-r",
    "role": "data",
    "classes": 8,
    "imagenet": "imagenet",
    "imagenet_classes": 10,
    "bin_size": 20,
}
HARD = {
    "seed": 7,
    "schedule": {
        "epochs": 1,
        "batch_size": 20,
        "learning_rate": 0.05,
        "decay_at": [],
        "decay": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
    },
    "arithmetic": {"precision": "float32", "channels_last": True},
    "runtime": {"workers": 0, "checkpoint_every": 1, "log_every": 10},
    "views": {"size": 28, "crop_scale": [0.5, 1], "jitter": 0.4, "grayscale": 0.2},
    "backbone": {"depth": 18, "width": 8, "stem": "small"},
    "view": CONFIG["view"],
    "batch_size": 10,
    "workers": 0,
    "imagenet": "imagenet",
    "classes": 10,
    "pool": "imagenet-pool",
}


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """ImageNet's validation set and ImageNet-R of the miniature, to be damaged."""
    shutil.copytree(miniature / "imagenet", tmp_path / "world/imagenet")
    shutil.copytree(miniature / "imagenet-r", tmp_path / "world/imagenet-r")
    return tmp_path / "world"


def read(world: Path, classes: int | None = 8):
    return read_variant(world / "imagenet-r", classes, world / "imagenet", 10)


def synset(label: int) -> str:
    return IMAGENET_CLASSES[label].synset


def test_labels_are_imagenets(miniature):
    images, present = read(miniature)
    assert len(images) == 67
    assert present.tolist() == list(LABELS) != list(range(8))
    assert images.classes == 10
    for path, label in zip(images.paths, images.labels, strict=True):
        assert path.decode().split("/")[0] == synset(label)


def assert_refused(world: Path, *parts: str, classes: int | None = 8) -> None:
    with pytest.raises(InputError) as error:
        read(world, classes)
    assert all(part in error.value.sentence for part in parts), error.value.sentence
    assert "\n" not in error.value.sentence


def test_a_folder_that_is_no_synset_of_imagenet(world):
    (world / "imagenet-r" / "n99999999").mkdir()
    assert_refused(world, "imagenet-r holds 1 folders", "no synset of", "imagenet/val (n99999999)")


def test_a_missing_class(world):
    shutil.rmtree(world / "imagenet-r" / synset(LABELS[0]))
    assert_refused(world, "imagenet-r holds 7 synset folders", "expected 8")
    assert len(read(world, classes=None)[1]) == 7


def test_no_class_at_all(world):
    shutil.rmtree(world / "imagenet-r")
    (world / "imagenet-r").mkdir()
    assert_refused(world, "holds 0 synset folders", "expected at least 1", classes=None)


def test_an_empty_class(world):
    for path in (world / "imagenet-r" / synset(LABELS[2])).iterdir():
        path.unlink()
    assert_refused(world, synset(LABELS[2]), "holds no image")


def test_a_missing_root(world):
    shutil.rmtree(world / "imagenet-r")
    assert_refused(world, "imagenet-r", "does not exist")


def test_a_missing_imagenet(world):
    shutil.rmtree(world / "imagenet")
    assert_refused(world, "world/imagenet does not exist")


@pytest.fixture
def published(miniature, tmp_path) -> Path:
    """ImageNet-R and -A with all 200 synsets, an image each."""
    image = next((miniature / "imagenet-r").rglob("*.jpg"))
    for name in synsets.MARKS:
        for kind in synsets.variant(name):
            (tmp_path / name / kind).mkdir(parents=True)
            (tmp_path / name / kind / "1.jpg").symlink_to(image)
        (tmp_path / name / "README.txt").touch()
    return tmp_path


def test_the_published_synsets():
    everything, r, a = synsets.imagenet(), *(synsets.variant(name) for name in ("imagenet-r", "imagenet-a"))
    assert (len(everything), len(r), len(a)) == (1000, 200, 200)
    assert all(list(names) == sorted(set(names)) and set(names) <= set(everything) for names in (everything, r, a))
    assert len(set(r) & set(a)) == 86
    assert [everything.index(name) for name in r[:5]] == [1, 2, 4, 6, 8]  # as the authors number them
    assert [everything.index(name) for name in a[-5:]] == [981, 984, 986, 987, 988]


@pytest.mark.parametrize("name", synsets.MARKS)
def test_a_published_set_needs_no_imagenet(published, name):
    images, present = read_published(published / name, name)
    assert (len(images), images.classes) == (200, 1000)
    assert present.tolist() == images.labels.tolist()
    assert [synsets.imagenet()[label] for label in present] == [path.decode().split("/")[0] for path in images.paths]


@pytest.mark.parametrize(
    ("there", "read_as", "part"),
    [("imagenet-a", "imagenet-r", "lacks 114 of the 200 synsets"), ("imagenet-r", "imagenet-a", "holds 114 folders")],
)
def test_the_one_set_is_not_taken_for_the_other(published, there, read_as, part):
    with pytest.raises(InputError) as error:
        read_published(published / there, read_as)
    assert "114" in error.value.sentence and "n0" in error.value.sentence


def test_the_stage_judges_a_published_set_with_a_thousand_classes(published, tmp_path):
    torch.manual_seed(0)
    (tmp_path / "checkpoint").mkdir()
    model = Classifier(BackboneConfig(**BACKBONE), 1000)
    save_tensors(tmp_path / "checkpoint" / MODEL_FILE, exported(CrossEntropy(model)))
    config = {key: value for key, value in CONFIG.items() if key != "imagenet"}
    config |= {"folder": str(published / "imagenet-a"), "classes": "imagenet-a", "imagenet_classes": 1000}
    workspace = Workspace(tmp_path, {"checkpoint": tmp_path / "checkpoint"})
    accuracy = evaluation.run(config, workspace)["accuracy"]
    assert accuracy.items() >= {"value": 0.5, "unit": "%", "n": 200}.items()  # one of 200 alike
    assert workspace.provenance["images"]["present_classes"] == 200


def test_the_best_of_all_classes_does_not_count_if_it_is_absent():
    logits = torch.tensor([[9.0, 1.0, 2.0, 0.0], [0.0, 3.0, 9.0, 2.0], [5.0, 0.0, 7.0, 6.0]])
    present = torch.tensor([1, 3])
    assert logits.argmax(dim=1).tolist() == [0, 2, 2]
    scores, named = choose_among(logits, present)
    confidence = scores[:, 0]
    assert named.tolist() == [[1, 3], [1, 3], [3, 1]]
    gaps = torch.tensor([1.0, 1.0, 6.0], dtype=torch.double)
    assert torch.allclose(confidence, gaps.sigmoid())  # a softmax of two, not of four


def test_confidences_near_1_stay_distinct():
    logits = torch.tensor([[0.0, 20.0], [0.0, 21.0]])
    scores, _ = choose_among(logits, torch.tensor([0, 1]))
    assert scores[0, 0] < scores[1, 0] < 1


def inputs(miniature: Path, folder: Path, bias: dict[int, float] | None = None) -> dict[str, Path]:
    """The miniature, and an untrained checkpoint; with ``bias``, one whose logits are these numbers (0 elsewhere)."""
    torch.manual_seed(0)
    tensors = exported(CrossEntropy(Classifier(BackboneConfig(**BACKBONE), 10)))
    if bias is not None:
        tensors["fc.weight"] = torch.zeros_like(tensors["fc.weight"])
        tensors["fc.bias"] = torch.tensor([bias.get(label, 0.0) for label in range(10)])
    folder.mkdir()
    save_tensors(folder / MODEL_FILE, tensors)
    return {"data": miniature, "checkpoint": folder}


def test_the_stage_chooses_among_the_classes_present(miniature, tmp_path):
    (absent, _), favourite = sorted(set(range(10)) - set(LABELS)), LABELS[1]
    bias = {absent: 9.0, favourite: 2.0}
    workspace = Workspace(tmp_path, inputs(miniature, tmp_path / "checkpoint", bias))
    metrics = evaluation.run(CONFIG, workspace)
    images, _ = read(miniature)
    accuracy = 100 * np.mean(images.labels == favourite)
    confidence = 100 * np.exp(2) / (np.exp(2) + 7)
    assert accuracy > 0
    assert metrics["accuracy"].items() >= {"value": pytest.approx(accuracy), "unit": "%", "n": 67}.items()
    assert metrics["calibration_error"]["value"] == pytest.approx(abs(confidence - accuracy), abs=1e-4)
    assert metrics["calibration_error_without_last_bin"]["value"] == pytest.approx(
        abs(confidence - accuracy) * (40 / 67) ** 0.5, abs=1e-4
    )
    assert workspace.provenance["images"] == images.fingerprint() | {"present_classes": 8}
    assert workspace.provenance["reliability"]["samples"] == [20, 20, 27]
    assert workspace.provenance["reliability"]["accuracy"] == pytest.approx([accuracy / 100] * 3)


def test_a_figure_that_does_not_exist_is_left_out(miniature, tmp_path, capsys):
    workspace = Workspace(tmp_path, inputs(miniature, tmp_path / "checkpoint"))
    metrics = evaluation.run(CONFIG | {"bin_size": 100}, workspace)
    assert metrics.keys() == {"accuracy", "calibration_error"}
    assert "too few images for two bins" in capsys.readouterr().out


def assert_equal_figures(ours: dict, theirs: dict) -> None:
    assert ours.keys() == theirs.keys()
    for name, metric in ours.items():
        assert metric["n"] == theirs[name]["n"]
        assert metric["value"] == pytest.approx(theirs[name]["value"], abs=1e-4), name  # other batches round otherwise


def test_two_processes_give_what_one_gives(miniature, tmp_path):
    """67 images: the last batch of each rank is another size than one process's."""
    workspace = Workspace(tmp_path, inputs(miniature, tmp_path / "checkpoint"))
    alone = evaluation.run(CONFIG, workspace)
    assert alone["accuracy"]["n"] == 67
    for together, provenance in in_two_processes(run_stage, evaluation.run, CONFIG, tmp_path, dict(workspace.inputs)):
        assert_equal_figures(together, alone)
        assert together["accuracy"] == alone["accuracy"]
        assert provenance["images"] == workspace.provenance["images"]
        assert provenance["reliability"]["samples"] == workspace.provenance["reliability"]["samples"]


def test_hard_images_are_the_pools_that_the_reference_gets_wrong(miniature, tmp_path):
    (tmp_path / "imagenet-a/n00000000").mkdir(parents=True)  # what an interrupted run left
    workspace = Workspace(tmp_path, {"data": miniature})
    metrics = hard_images.run(HARD, workspace)
    hard, present = read_variant(tmp_path / "imagenet-a", None, miniature / "imagenet", 10)
    assert metrics == {"hard_images": {"value": len(hard), "unit": "images", "n": 61}}
    assert 0 < len(hard) < 61
    assert workspace.provenance["hard"] == hard.fingerprint()
    pool = miniature / "imagenet-pool"
    assert all((hard.root / p.decode()).read_bytes() == (pool / p.decode()).read_bytes() for p in hard.paths)

    again = Workspace(tmp_path, {"data": miniature})  # trained already, chooses again
    assert hard_images.run(HARD, again) == metrics
    assert again.provenance == workspace.provenance

    checkpoint = inputs(miniature, tmp_path / "checkpoint")
    metrics = evaluation.run(
        CONFIG | {"folder": "imagenet-a", "role": "hard", "classes": None},
        Workspace(tmp_path, checkpoint | {"hard": tmp_path}),
    )
    assert metrics["accuracy"]["n"] == len(hard)
    assert len(present) <= 10


def test_two_processes_choose_the_same_hard_images(miniature, tmp_path):
    """Each rank has BatchNorm statistics of its own: all must predict with the first one's."""
    (first, _), (second, _) = in_two_processes(run_stage, hard_images.run, HARD, tmp_path, {"data": miniature})
    assert first == second
    hard, _ = read_variant(tmp_path / "imagenet-a", None, miniature / "imagenet", 10)
    assert first["hard_images"]["value"] == len(hard)


def test_no_hard_image(miniature, tmp_path):
    """With one class to choose from, every choice is right."""
    kind = synset(0)
    shutil.copytree(miniature / "imagenet-pool" / kind, tmp_path / "easy" / kind)
    with pytest.raises(InputError, match=r"gets all 7 images in .*easy right.*lower hard_images\.schedule\.epochs"):
        hard_images.run(HARD | {"pool": str(tmp_path / "easy")}, Workspace(tmp_path, {"data": miniature}))


def test_renditions_come_in_all_styles_of_all_eight_classes(miniature):
    names = list((miniature / "imagenet-r").rglob("*.jpg"))
    assert Counter(path.stem.split("_")[0] for path in names).keys() == dict(STYLES).keys()
    assert len({(path.parent.name, path.stem.split("_")[0]) for path in names}) == 8 * len(STYLES)


def test_renditions_look_like_their_style(miniature):
    for path in (miniature / "imagenet-r").rglob("*.jpg"):
        pixels = np.asarray(Image.open(path)).astype(int)
        assert pixels.shape == (40, 40, 3)
        if path.stem.startswith(("edges", "halftone")):
            assert np.ptp(pixels, axis=2).max() < 12, path  # gray
        elif path.stem.startswith("silhouette"):
            luma = np.sort(pixels.mean(axis=2), axis=None)
            two_colours = np.abs(luma[:, None] - luma[[40, -40]]).min(axis=1) < 25
            assert two_colours.mean() > 0.8, path
        else:
            assert pixels.mean() > 100, path  # darkened grounds become bright
