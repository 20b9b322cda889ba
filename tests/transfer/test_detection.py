"""Detection: where the trunk comes from, what is refused, what an interruption or more ranks change."""

import contextlib
import io
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import interruption
from core.errors import InputError
from core.exhibits import EXHIBITS_FILE
from core.workspace import MODEL_FILE, Workspace
from data.miniature.classes import COCO_CLASSES
from data.sets.coco.reader import ANNOTATIONS, IMAGES
from pretrain import untrained
from pretrain.tensor_files import load_tensors, save_tensors
from tests.support.killing import assert_equal_ends, flip_a_byte, killed, states
from tests.support.processes import in_two_processes, run_stage
from transfer.detection import mmdetection
from transfer.detection import stage as detection
from transfer.detection.config import DetectionConfig

mmdetection.load()
from transfer.detection import training as detection_training  # noqa: E402  (mmdet is importable only after the line above)
from transfer.detection.data import AspectBatches  # noqa: E402
from transfer.detection.model import build_detector  # noqa: E402

SMALL = {"depth": 10, "width": 8, "stem": "small"}
CPU = torch.device("cpu")
ITERATIONS = 4


def configuration(**changes: Any) -> dict[str, Any]:
    values = {
        "seed": 0,
        "coco": "coco",
        "classes": len(COCO_CLASSES),
        "schedule": {"iterations": ITERATIONS, "decay_at": [3]},
        "batch_size": 2,
        "recipe_batch_size": 2,
        "learning_rate": 0.02,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "gradient_norm": 10,
        "warmup": 2,
        "short_sides": [48, 64],
        "short_side": 64,
        "long_side": 80,
        "precise_batch_norm": 2,
        "heads": {"channels": 8, "features": 16, "mask_convolutions": 1, "proposals": 16},
        "runtime": {"workers": 0, "checkpoint_every": 1, "log_every": 2},
    }
    return values | changes


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that exports an untrained backbone."""
    folder = tmp_path_factory.mktemp("checkpoint")
    untrained.run({"seed": 0, "backbone": SMALL}, Workspace(folder))
    return folder


def workspace(folder: Path, data: Path, checkpoint: Path) -> Workspace:
    folder.mkdir(exist_ok=True)
    return Workspace(folder, {"data": data, "checkpoint": checkpoint})


@pytest.fixture(scope="module")
def finished(tmp_path_factory, miniature, checkpoint) -> tuple[Workspace, dict[str, Any]]:
    """A finished job; tests must not change it."""
    place = workspace(tmp_path_factory.mktemp("detection"), miniature, checkpoint)
    return place, detection.run(configuration(), place)


def trained(folder: Path) -> dict[str, torch.Tensor]:
    state = load_tensors(folder / detection_training.TRAINING / f"iter_{ITERATIONS}.pth")
    return state["state_dict"]


def test_figures_pictures_and_what_is_said(finished):
    place, metrics = finished
    assert {f"{kind}_{figure}" for kind in ("box", "mask") for figure in ("ap", "ap50", "ap75", "ap_small")} <= set(
        metrics
    )
    assert all(0 <= metric["value"] <= 100 and metric["n"] == 7 for metric in metrics.values())
    assert place.provenance["iterations"] == ITERATIONS
    assert place.provenance["batch_norm"] == {"synchronised": True, "precise_over_iterations": 2}
    assert place.provenance["coco"]["val"]["images"] == 7
    exhibits = json.loads((place.folder / EXHIBITS_FILE).read_text())
    assert {entry["group"] for entry in exhibits} == {"detections"} and len(exhibits) == 7
    kept = sorted(path.name for path in (place.folder / detection_training.TRAINING).glob("*.pth"))
    assert kept == ["iter_3.pth", "iter_4.pth"]


def trunk_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    beside = ("fc.", "architecture.")
    return {name: it for name, it in load_tensors(checkpoint / MODEL_FILE).items() if not name.startswith(beside)}


def test_the_trunk_is_the_checkpoints(checkpoint):
    config = DetectionConfig.model_validate(configuration())
    found = build_detector(config, checkpoint / MODEL_FILE, CPU).backbone.trunk.state_dict()
    expected = trunk_of(checkpoint)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_at_depth_50_the_trunk_is_mmdets_resnet(tmp_path):
    from mmdet.models.backbones import ResNet

    untrained.run({"seed": 3, "backbone": {"depth": 50}}, Workspace(tmp_path))
    config = DetectionConfig.model_validate(configuration())
    ours, theirs = build_detector(config, tmp_path / MODEL_FILE, CPU).backbone, ResNet(depth=50)
    expected = trunk_of(tmp_path)
    theirs.load_state_dict(expected)  # the same names and shapes, none missing and none more
    assert all(torch.equal(ours.trunk.state_dict()[name], tensor) for name, tensor in expected.items())
    images = torch.randn(1, 3, 64, 64)
    for model in (ours, theirs):
        model.eval()  # mmdet's gives nothing back
    with torch.no_grad():
        for mine, other in zip(ours(images), theirs(images), strict=True):
            torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("layer2.0.bn1.weight"), r"layer2\.0\.bn1\.weight has shape missing"),
        (lambda tensors: tensors.update(strange=torch.zeros(1)), r"strange has shape \(1,\), expected none"),
    ],
)
def test_a_missing_or_a_strange_key_is_refused(tmp_path, miniature, checkpoint, change, said):
    tensors = load_tensors(checkpoint / MODEL_FILE)
    change(tensors)
    save_tensors(tmp_path / MODEL_FILE, tensors)
    with pytest.raises(InputError, match=said):
        detection.run(configuration(), workspace(tmp_path / "job", miniature, tmp_path))


def test_all_layers_are_trained(finished, checkpoint):
    after, before = trained(finished[0].folder), trunk_of(checkpoint)
    assert not any(torch.equal(after[f"backbone.trunk.{name}"], tensor) for name, tensor in before.items())


@pytest.fixture
def data(miniature, tmp_path) -> Path:
    shutil.copytree(miniature / "coco", tmp_path / "data/coco")
    return tmp_path / "data"


def edited(data: Path, split: str, edit) -> None:
    path = data / "coco" / ANNOTATIONS[split]
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda coco: (coco / ANNOTATIONS["val"]).unlink(), r"has no annotations/instances_val2017\.json"),
        (lambda coco: (coco / ANNOTATIONS["val"]).write_text("{"), r"val2017\.json is not COCO's JSON"),
        (lambda coco: next((coco / IMAGES["train"]).iterdir()).unlink(), r"names the image .*train2017/.* not exist"),
        (
            lambda coco: edited(coco.parent, "train", lambda values: values["categories"].pop()),
            r"annotations with a category_id which is none of its categories \(id \d+: 10",
        ),
        (
            lambda coco: edited(
                coco.parent, "train", lambda values: [note.update(iscrowd=1) for note in values["annotations"]]
            ),
            r"train2017\.json has no annotation to train on \(\d+ crowds\)",
        ),
        (
            lambda coco: edited(coco.parent, "val", lambda values: values["annotations"].clear()),
            r"val2017\.json has no annotation to evaluate with",
        ),
        (
            lambda coco: edited(
                coco.parent, "val", lambda values: values["categories"].append({"id": 11, "name": "x"})
            ),
            r"has 11 categories, expected 10",
        ),
        (
            lambda coco: edited(coco.parent, "val", lambda values: values["categories"][2].update(name="dragon")),
            r"category 3 'dragon' where .* has 3 'cat'",
        ),
    ],
)
def test_wrong_data_is_said_before_training(data, checkpoint, damage, said):
    damage(data / "coco")
    place = workspace(data.parent / "job", data, checkpoint)
    with pytest.raises(InputError, match=said) as error:
        detection.run(configuration(), place)
    assert "\n" not in error.value.sentence
    assert not list(place.folder.iterdir())


def test_a_damaged_image_is_refused(data, checkpoint):
    for image in (data / "coco/val2017").iterdir():
        image.write_bytes(image.read_bytes()[:300])
    with pytest.raises(InputError, match=r"val2017/.* cannot be decoded"):
        detection.run(configuration(), workspace(data.parent / "job", data, checkpoint))


def test_masks_are_what_was_painted(miniature):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(miniature / "coco" / ANNOTATIONS["train"]))
    for annotation in truth.loadAnns(truth.getAnnIds()):
        mask = truth.annToMask(annotation)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
        assert (mask.sum(), box) == (annotation["area"], annotation["bbox"])


def test_killed_with_damaged_states_and_moved_it_ends_as_undisturbed(finished, tmp_path, miniature, checkpoint):
    """With the iterations it should have, and with the very same model and figures."""
    undisturbed, metrics = finished
    place = workspace(tmp_path / "job", miniature, checkpoint)
    killed(2, 0, configuration(), place)
    flip_a_byte(states(place)[0])
    killed(3, 0, configuration(), place)
    (place.folder / detection_training.TRAINING / "last_checkpoint").write_text("")
    place = workspace(place.folder.rename(tmp_path / "moved"), miniature, checkpoint)
    assert detection.run(configuration(), place) == metrics
    assert place.provenance == undisturbed.provenance
    assert_equal_ends(place, undisturbed)


def test_asked_to_stop_it_goes_on_where_it_was(finished, tmp_path, miniature, checkpoint):
    class Asks(Workspace):
        def progress(self, done: int, total: int, unit: str) -> None:
            if done == 2:
                os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.getsignal(signal.SIGUSR2)
    place = workspace(tmp_path / "job", miniature, checkpoint)
    interruption.install_handlers([signal.SIGUSR2])
    rarely = configuration(runtime={"workers": 0, "checkpoint_every": 100, "log_every": 2})
    with pytest.raises(interruption.Interrupted):
        detection.run(rarely, Asks(place.folder, place.inputs))
    signal.signal(signal.SIGUSR2, before)
    interruption.install_handlers([])
    assert [path.name for path in (place.folder / "training").glob("iter_*.pth")] == ["iter_2.pth"]
    undisturbed, metrics = finished
    assert detection.run(rarely, place) == metrics
    again, expected = trained(place.folder), trained(undisturbed.folder)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.items())


def test_batches_go_on_where_they_stopped_and_are_of_one_orientation():
    wide = np.array([True, False, False] * 5)
    whole = list(AspectBatches(wide, 2, 0, range(20)))
    assert list(AspectBatches(wide, 2, 0, range(7, 20))) == whole[7:]
    assert len(whole) == 20 and all(len({bool(wide[index]) for _, index in batch}) == 1 for batch in whole)
    first_epoch = [index for batch in whole for position, index in batch if position < len(wide)]
    assert len(set(first_epoch)) == len(first_epoch)


def test_precise_statistics_are_the_mean_over_batches():
    class Detector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(1)

        def data_preprocessor(self, batch, training):
            return {"inputs": batch}

        def extract_feat(self, images):
            return self.norm(images)

    batches = [torch.randn(4, 1, 2, 2) * scale + scale for scale in (1, 2, 3)]
    model = Detector()
    detection_training.average_batch_statistics(model, batches)
    for statistic, expected in (
        (model.norm.running_mean, torch.stack([batch.mean() for batch in batches]).mean()),
        (model.norm.running_var, torch.stack([batch.var() for batch in batches]).mean()),
    ):
        torch.testing.assert_close(statistic[0], expected)
    assert model.norm.momentum == 0.1


def test_two_processes_train_and_evaluate(tmp_path, miniature, checkpoint):
    inputs = {"data": miniature, "checkpoint": checkpoint}
    config = configuration(batch_size=2, schedule={"iterations": 2, "decay_at": []})
    (metrics, provenance), others = in_two_processes(run_stage, detection.run, config, tmp_path, inputs)
    assert others == (metrics, provenance)
    assert provenance["iterations"] == 2 and provenance["batch_norm"]["synchronised"] is False
    assert metrics["box_ap"]["n"] == 7
