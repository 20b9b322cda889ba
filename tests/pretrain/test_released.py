"""Released checkpoints: each is evaluated as it was trained."""

import csv
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.files import sha256_of
from core.vision import resnet
from core.workspace import MODEL_FILE
from data.sets.places205.reader import read_split
from data.views import centre_view, normalise
from pretrain import released
from pretrain.accuracy import stage as accuracy
from pretrain.backbone import Classifier
from pretrain.checkpoints import load_classifier, load_trunk
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.evaluation import pretrained_trunk
from pretrain.features import pooled_features
from pretrain.translation import Translation
from robustness import evaluation
from run_all import main
from tests.support.released_files import FILES, REQUIRED, VIEW, Tensors, config, moco_v2, trunk_of, workspace
from tests.transfer.test_detection import CPU
from tests.transfer.test_detection import configuration as detecting
from transfer.detection.config import DetectionConfig
from transfer.detection.model import build_detector
from transfer.finetuning import stage as finetuning
from transfer.lowshot import places205
from transfer.lowshot.config import LowShotConfig, SVMConfig

pytestmark = pytest.mark.usefixtures("leaves_nothing")

PLACES205 = LowShotConfig(
    view=VIEW,
    batch_size=41,
    workers=0,
    seed=3,
    folder="places205",
    classes=12,
    shots=(1,),
    draws=2,
    svm=SVMConfig(cost=0.5, tolerance=1e-4, iterations=2000),
).model_dump(mode="json")


WITH_IMAGENET_CLASSES = ("MoPro V1", "BYOL", "torchvision", "PyTorch's example", "torchvision's script")


def as_published(name: str, whole: Tensors, pixels: np.ndarray) -> torch.Tensor:
    """Features as the release's own project computes them: its normalisation, its padding."""
    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    if name != "SimCLR":
        mean, deviation = (torch.tensor(x).view(3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        scaled = (scaled - mean) / deviation
    network = resnet.resnet50()
    network.load_state_dict(whole)
    network.fc = torch.nn.Identity()
    network.eval()
    if name == "BYOL":  # every side is even here, so that SAME means one pixel less on the left and the top
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.stride == (2, 2) and module.kernel_size != (1, 1):
                before = module.padding[0] - 1
                module.padding = (0, 0)
                module.register_forward_pre_hook(
                    lambda _, inputs, before=before: F.pad(inputs[0], (before, before + 1) * 2)
                )
        network.maxpool.padding = 0
        network.maxpool.register_forward_pre_hook(lambda _, inputs: F.pad(inputs[0], (0, 1) * 2))
    with torch.no_grad():
        return network(scaled)


@pytest.mark.parametrize("name", FILES)
def test_a_release_is_evaluated_as_it_was_trained(name, files, whole, miniature, tmp_path):
    """From the file through the released stage and the low-shot evaluation; and its trunk, for other stages."""
    layout, file = FILES[name][0], files(name)
    place = workspace(tmp_path / "release")
    metrics = released.run(config(file, layout=REQUIRED.get(name)), place)
    assert metrics["size"]["value"] == file.stat().st_size == place.provenance["file"]["bytes"]
    assert place.provenance["layout"]["name"] == layout
    assert place.provenance["file"]["sha256"] == sha256_of(file)
    lowshot = workspace(tmp_path / "lowshot", data=miniature, checkpoint=place.folder)
    assert places205.run(PLACES205, lowshot)["k1"]["n"] == 2

    images = read_split(miniature / "places205", "val", 12)
    pixels = [images.decode(index) for index in range(4)]
    crops = [centre_view(VIEW)(*image.shape[1::-1], np.random.default_rng()).of(image) for image in pixels]
    expected = as_published(name, whole, torch.stack(crops).numpy())
    shown, first = LowShotConfig.model_validate(PLACES205), images.subset(np.arange(4))
    found = torch.from_numpy(pooled_features(pretrained_trunk(lowshot, CPU), first, "first", shown, lowshot, CPU))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)

    model = load_trunk(place.folder / MODEL_FILE, classes=7)
    assert model.convention._asdict() == place.provenance["convention"]
    for key, tensor in trunk_of(whole).items():
        assert torch.equal(model.trunk.state_dict()[key], tensor) or "num_batches" in key, key

    detection = DetectionConfig.model_validate(detecting())
    detector = build_detector(detection, place.folder / MODEL_FILE, CPU).backbone.eval()
    with torch.no_grad():
        maps = detector(normalise(torch.stack(crops)))
    torch.testing.assert_close(maps[-1].mean(dim=(2, 3)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", WITH_IMAGENET_CLASSES)
def test_a_classifier_of_imagenets_classes_gives_the_releases_logits(name, files, whole, tmp_path):
    place = workspace(tmp_path)
    released.run(config(files(name), layout=REQUIRED.get(name), classifier="imagenet"), place)
    assert place.provenance["classes"] == 1000
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = F.linear(as_published(name, whole, pixels), whole["fc.weight"], whole["fc.bias"])
    model = load_classifier(place.folder / MODEL_FILE)
    with torch.no_grad():
        found = model(normalise(torch.from_numpy(pixels)))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_an_older_file_format_is_read(whole, tmp_path):
    torch.save(moco_v2(whole), tmp_path / "old.tar", _use_new_zipfile_serialization=False)
    place = workspace(tmp_path / "job")
    released.run(config(tmp_path / "old.tar"), place)
    assert place.provenance["layout"]["name"] == "moco-v2"


def test_the_same_file_gives_the_same_model(files, tmp_path):
    for name in ("a", "b"):
        released.run(config(files("SimCLR")), workspace(tmp_path / name))
    assert (tmp_path / "a" / MODEL_FILE).read_bytes() == (tmp_path / "b" / MODEL_FILE).read_bytes()


def test_channels_in_reverse_on_a_scale_of_255():
    caffe = Convention(mean=(103.5, 116.3, 123.7), deviation=(1.0, 1.0, 1.0), channels="BGR")
    model = Classifier(BackboneConfig(depth=10, width=8, stem="small"), classes=2)
    model.use_convention(caffe)
    pixels = torch.randint(0, 256, (2, 5, 7, 3), dtype=torch.uint8)
    expected = pixels.permute(0, 3, 1, 2).flip(1).float() - torch.tensor(caffe.mean).view(3, 1, 1)
    torch.testing.assert_close(model.translation(normalise(pixels)), expected, rtol=1e-5, atol=1e-4)
    model.use_convention(OURS)
    torch.testing.assert_close(model.translation(normalise(pixels)), normalise(pixels), rtol=1e-5, atol=1e-5)


def test_a_release_with_a_classifier_is_judged_by_accuracy_and_robustness(files, miniature, tmp_path):
    """The classifier knows a thousand classes, the miniature has the first ten of them."""
    release = workspace(tmp_path / "release")
    released.run(config(files("torchvision"), classifier="imagenet"), release)
    shown = {"view": VIEW.model_dump(), "batch_size": 50, "workers": 0}
    place = workspace(tmp_path / "job", data=miniature, checkpoint=release.folder)
    settings = shown | {"layout": "imagenet", "folder": "imagenet", "classes": 10}
    assert accuracy.run(settings, place)["top1"]["n"] == 41
    settings = shown | {"folder": "imagenet-r", "role": "data", "classes": 8, "bin_size": 30}
    settings |= {"imagenet": "imagenet", "imagenet_classes": 10}
    assert evaluation.run(settings, place)["accuracy"]["n"] == 67


def test_a_release_is_fine_tuned_on_images_as_it_was_trained_to_see_them(files, miniature, tmp_path):
    release = workspace(tmp_path / "release")
    released.run(config(files("SimCLR")), release)
    schedule = {"epochs": 1, "batch_size": 10, "learning_rate": 0.01, "decay_at": [], "decay": 1}
    settings = {
        "seed": 0,
        "imagenet": "imagenet",
        "classes": 10,
        "keep_classifier": False,
        "batch_size": 41,
        "workers": 0,
        "views": {"size": 32, "crop_scale": [0.5, 1]},
        "view": VIEW.model_dump(),
        "schedule": schedule | {"momentum": 0.9, "weight_decay": 0},
        "arithmetic": {"channels_last": True},
        "runtime": {"workers": 0, "checkpoint_every": 1000, "log_every": 10},
        "evaluate_every": 1,
        "subset": {"kind": "random", "fraction": 0.25},
    }
    seen = []
    forward = Translation.forward
    place = workspace(tmp_path / "job", data=miniature, checkpoint=release.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Translation, "forward", lambda self, images: seen.append(forward(self, images)) or seen[-1])
        assert finetuning.run(settings, place)["top1"]["n"] == 41
    assert [len(images) for images in seen] == [10, 41]
    assert all(-1e-5 <= images.min() < 0.5 < images.max() <= 1 + 1e-5 for images in seen)


def test_the_command_evaluates_a_release_and_shows_it_beside_its_published_figure(files, miniature, tmp_path):
    """With the one data set that it reads, and the one checkpoint; a machine without a GPU takes its CPU."""
    changes = {
        "data.voc07": miniature / "VOCdevkit",
        "methods.moco-v2.file": files("MoCo v2"),
        "evaluate.lowshot_voc07.view": "{resize: 40, crop: 32}",
        "evaluate.lowshot_voc07.shots": "[1]",
        "evaluate.lowshot_voc07.draws": 2,
        "evaluate.workers": 0,
        "resources.evaluate.cpus": 1,
    }
    arguments = [
        "--profile",
        "released",
        "--runs",
        str(tmp_path),
        "--methods",
        "moco-v2",
        "--only",
        "lowshot-voc07",
    ]
    arguments += [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    assert main(arguments) == 0
    with (tmp_path / "paper/tables/lowshot.csv").open() as table:
        rows = {(row["method"], row["figure"]): row for row in csv.DictReader(table)}
    ours = rows["MoCo v2, release", "VOC07 k=1"]
    assert (ours["set"], ours["paper"], ours["status"]) == ("ImageNet", "46.3", "secondary")
    assert 0 <= float(ours["mean"]) <= 100 and ours["verdict"] == "outside"
    (record,) = (tmp_path / "paper/released").rglob("record.json")
    assert json.loads(record.read_text())["provenance"]["layout"]["name"] == "moco-v2"
