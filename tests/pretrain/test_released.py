"""Released checkpoints: every layout is recognised and evaluated as it was trained; everything else is refused."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from core.errors import InputError
from core.files import sha256_of
from core.vision import resnet
from core.workspace import MODEL_FILE, Workspace
from data.config import EvaluationView
from data.sets.places205.reader import read_split
from data.views import centre_view, normalise
from pretrain import layouts, released
from pretrain.accuracy import stage as accuracy
from pretrain.architectures import trunk_in
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported, load_classifier, load_encoder, load_trunk
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.cross_entropy import CrossEntropy
from pretrain.layouts import LAYOUTS, NAMES, Layout, recognise
from pretrain.tensor_files import load_tensors, save_tensors
from pretrain.translation import Translation
from robustness import evaluation
from run_all import main
from tests.transfer.test_detection import configuration as detecting
from transfer.detection.config import DetectionConfig
from transfer.detection.model import build_detector
from transfer.finetuning import stage as finetuning
from transfer.lowshot import places205
from transfer.lowshot.config import LowShotConfig, SVMConfig

RESNET50 = BackboneConfig(depth=50)
VIEW = EvaluationView(resize=40, crop=32)
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

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def whole() -> Tensors:
    """torchvision's ResNet-50 with a classifier of 1000 classes; BatchNorm's statistics are not fresh."""
    torch.manual_seed(0)
    network = resnet.resnet50()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


def trunk_of(whole: Tensors, prefix: str = "") -> Tensors:
    return {prefix + name: tensor for name, tensor in whole.items() if not name.startswith("fc.")}


def linear(name: str, rows: int, columns: int = 2048) -> Tensors:
    return {f"{name}.weight": torch.zeros(rows, columns), f"{name}.bias": torch.zeros(rows)}


def batch_norm(name: str, size: int) -> Tensors:
    parts = {part: torch.zeros(size) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.{part}": tensor for part, tensor in parts.items()} | {
        f"{name}.num_batches_tracked": torch.tensor(0)
    }


def checkpoint(state: Tensors) -> dict[str, Any]:
    """What the training scripts of MoCo and those after it write."""
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return {"epoch": 90, "arch": "resnet50", "state_dict": state, "optimizer": optimizer}


def momentum_contrast(whole: Tensors, head: Callable[[str], Tensors], queue: int) -> Tensors:
    encoders = {}
    for encoder in ("module.encoder_q.", "module.encoder_k."):
        encoders |= trunk_of(whole, encoder) | head(encoder)
    return encoders | {"module.queue": torch.zeros(128, queue), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}


def mopro(whole: Tensors, classes: int) -> dict[str, Any]:
    def head(encoder: str) -> Tensors:
        classifier = linear(f"{encoder}classifier", classes)
        if classes == 1000:
            classifier = {f"{encoder}classifier.{part}": whole[f"fc.{part}"] for part in ("weight", "bias")}
        return classifier | linear(f"{encoder}fc1", 2048) | linear(f"{encoder}fc2", 128)

    return checkpoint(momentum_contrast(whole, head, 8192) | {"module.prototypes": torch.zeros(classes, 128)})


def with_projection(encoder: str) -> Tensors:
    return linear(f"{encoder}fc.0", 2048) | linear(f"{encoder}fc.2", 128)


def moco_v2(whole: Tensors) -> dict[str, Any]:
    """The release holds the query encoder alone."""
    state = momentum_contrast(whole, with_projection, 1)
    return checkpoint({name: tensor for name, tensor in state.items() if name.startswith("module.encoder_q.")})


def swav(whole: Tensors) -> Tensors:
    heads = linear("module.projection_head.0", 2048) | batch_norm("module.projection_head.1", 2048)
    heads |= linear("module.projection_head.3", 128) | {"module.prototypes.weight": torch.zeros(3000, 128)}
    return trunk_of(whole, "module.") | heads


def vissl(whole: Tensors) -> dict[str, Any]:
    model = {"trunk": trunk_of(whole, "_feature_blocks."), "heads": {"0.clf.0.weight": torch.zeros(2048, 2048)}}
    return {"phase_idx": 999, "iteration": 1, "classy_state_dict": {"base_model": {"model": model, "meters": None}}}


FILES: dict[str, tuple[str, Callable[[Tensors], Any]]] = {
    "MoPro V1": ("mopro", lambda whole: mopro(whole, 1000)),
    "MoPro V2": ("mopro", lambda whole: mopro(whole, 5000)),
    "MoCo v2": ("moco-v2", moco_v2),
    "PCL v2": ("moco-v2", lambda whole: checkpoint(momentum_contrast(whole, with_projection, 16384))),
    "MoCo v1": (
        "moco-v1",
        lambda whole: checkpoint(momentum_contrast(whole, lambda encoder: linear(f"{encoder}fc", 128), 65536)),
    ),
    "SwAV": ("swav", swav),
    "SimCLR": ("simclr", lambda whole: {"state_dict": whole}),
    "BYOL": (
        "byol",
        lambda whole: {name: tensor for name, tensor in whole.items() if "num_batches_tracked" not in name},
    ),
    "torchvision": ("torchvision", dict),
    "PyTorch's example": ("pytorch-example", lambda whole: checkpoint(whole)),
    "torchvision's script": (
        "torchvision-training",
        lambda whole: {"model": whole, "optimizer": {}, "lr_scheduler": {"last_epoch": 90}, "epoch": 89},
    ),
    "VISSL": ("vissl", vissl),
    "MMSelfSup": ("mmselfsup", lambda whole: {"state_dict": trunk_of(whole), "author": "MMSelfSup"}),
}
REQUIRED = {"BYOL": "byol"}  # torchvision's older files have the same names
WITH_IMAGENET_CLASSES = ("MoPro V1", "BYOL", "torchvision", "PyTorch's example", "torchvision's script")


@pytest.fixture(autouse=True)
def leave_nothing(tmp_path):
    """Files of this size are not to stay until pytest's next run but two."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def files(whole, tmp_path_factory) -> Iterator[Callable[[str], Path]]:
    """From the name of a release to a file with its true names and shapes; each is written once."""
    folder = tmp_path_factory.mktemp("releases")

    def path(name: str) -> Path:
        file = folder / f"{name}.pth"
        if not file.exists():
            torch.save(FILES[name][1](whole), file)
        return file

    yield path
    shutil.rmtree(folder)


def config(file: Path, **changes: Any) -> dict[str, Any]:
    return {"file": str(file), "backbone": RESNET50.model_dump()} | changes


def workspace(folder: Path, **inputs: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(folder, inputs)


def test_every_layout_has_a_file_in_these_tests():
    assert {layout for layout, _ in FILES.values()} | {"ours"} == set(NAMES) == {layout.name for layout in LAYOUTS}


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
    found = load_tensors(lowshot.folder / "features-val.pt")[:4]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)

    model = load_trunk(place.folder / MODEL_FILE, classes=7)
    assert model.convention._asdict() == place.provenance["convention"]
    for key, tensor in trunk_of(whole).items():
        assert torch.equal(model.trunk.state_dict()[key], tensor) or "num_batches" in key, key

    detection = DetectionConfig.model_validate(detecting())
    detector = build_detector(detection, place.folder / MODEL_FILE, torch.device("cpu")).backbone.eval()
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


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("MoPro V2", "has one of 5000 classes"),
        ("MoCo v2", "has none that can be used"),
        ("SimCLR", "has none that can be used"),
    ],
)
def test_a_classifier_that_is_not_there_is_not_promised(name, held, files, tmp_path):
    with pytest.raises(InputError, match=rf"key classifier is 'web', .*1000 classes, but .* {held}: set it to none"):
        released.run(config(files(name), classifier="web"), workspace(tmp_path))


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
        "data.places205.folder": miniature / "places205",
        "data.places205.classes": 12,
        "methods.moco-v2.file": files("MoCo v2"),
        "evaluate.lowshot_places205.view": "{resize: 40, crop: 32}",
        "evaluate.lowshot_places205.shots": "[1]",
        "evaluate.lowshot_places205.draws": 2,
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
        "lowshot-places205",
    ]
    arguments += [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    assert main(arguments) == 0
    with (tmp_path / "paper/tables/lowshot.csv").open() as table:
        rows = {(row["method"], row["figure"]): row for row in csv.DictReader(table)}
    ours = rows["MoCo v2, release", "Places205 k=1"]
    assert (ours["set"], ours["paper"], ours["status"]) == ("ImageNet", "", "missing")
    assert 0 <= float(ours["mean"]) <= 100 and ours["verdict"] == "paper's figure unknown"
    (record,) = (tmp_path / "paper/released").rglob("record.json")
    assert json.loads(record.read_text())["provenance"]["layout"]["name"] == "moco-v2"


def refusal(content: Any, folder: Path, **changes: Any) -> str:
    """The sentence with which a file of this content is refused."""
    torch.save(content, folder / "file.pth")
    with pytest.raises(InputError) as error:
        released.run(config(folder / "file.pth", **changes), workspace(folder / "job"))
    assert "\n" not in error.value.sentence and "file.pth" in error.value.sentence
    assert not (folder / "job" / MODEL_FILE).exists()
    return error.value.sentence


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("module.encoder_q.layer3.2.conv2.weight", None, "module.encoder_q.layer3.2.conv2.weight is missing"),
        ("module.encoder_q.fc.2.bias", None, "module.encoder_q.fc.2.bias is missing"),
        ("module.predictor.0.weight", torch.zeros(2), "module.predictor.0.weight is unexpected"),
        (
            "module.encoder_q.conv1.weight",
            torch.zeros(64, 3, 3, 3),
            "module.encoder_q.conv1.weight has shape (64, 3, 3, 3), expected (64, 3, 7, 7)",
        ),
        ("module.encoder_q.bn1.weight", "text", "module.encoder_q.bn1.weight is no tensor"),
    ],
)
def test_the_nearest_layout_and_the_first_wrong_key_are_named(key, value, complaint, whole, tmp_path):
    content = moco_v2(whole)
    if value is None:
        del content["state_dict"][key]
    else:
        content["state_dict"][key] = value
    sentence = refusal(content, tmp_path)
    assert (
        f"does not match the layout moco-v2 (MoCo v2, PCL v2), the nearest one: {complaint}; known are mopro,"
        in sentence
    )


def test_names_that_two_layouts_share_need_a_word(whole, tmp_path):
    content = FILES["BYOL"][1](whole)
    assert "fits the layouts byol and torchvision: say which it is" in refusal(content, tmp_path)
    for name in ("byol", "torchvision"):
        place = workspace(tmp_path / name)
        released.run(config(tmp_path / "file.pth", layout=name), place)
        assert place.provenance["layout"]["name"] == name
        assert place.provenance["convention"]["padding"] == ("same" if name == "byol" else "symmetric")


def test_a_layout_that_is_required(whole, tmp_path):
    sentence = refusal(moco_v2(whole), tmp_path, layout="swav")
    assert (
        "does not match the layout swav (SwAV), which its method requires: module.conv1.weight is missing." in sentence
    )


def test_a_file_that_lies_about_its_scale_is_not_taken_for_simclrs(whole, tmp_path):
    """Whoever writes something beside SimCLR's names may have another preprocessing."""
    assert "note lies beside state_dict" in refusal({"state_dict": whole, "note": "mine"}, tmp_path)


def test_a_layout_is_added_by_its_declaration_alone(whole, tmp_path, monkeypatch):
    mine = Layout("mine", "mine alone", "my/own/code.py", container=("weights",), prefix="backbone.")
    monkeypatch.setattr(layouts, "LAYOUTS", (*LAYOUTS, mine))
    torch.save({"weights": trunk_of(whole, "backbone.")}, tmp_path / "file.pth")
    place = workspace(tmp_path / "job")
    released.run(config(tmp_path / "file.pth"), place)
    assert place.provenance["layout"] == {"name": "mine", "releases": "mine alone", "source": "my/own/code.py"}
    assert torch.equal(load_trunk(place.folder / MODEL_FILE, 2).trunk.state_dict()["bn1.bias"], whole["bn1.bias"])


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_any_depth_of_torchvisions_is_told_by_names_and_shapes(depth):
    with torch.device("meta"):
        state = getattr(resnet, f"resnet{depth}")().state_dict()
    for prefix in ("", "module."):  # DataParallel's
        named = {prefix + name: tensor for name, tensor in state.items()}
        layout, trunk = recognise(named, trunk_in, Path("file.pth"), None)
        assert (layout.name, trunk.backbone) == ("torchvision", BackboneConfig(depth=depth))
        assert trunk.features == state["fc.weight"].shape[1]


@pytest.mark.parametrize(("depth", "is_safetensors"), [(18, True), (18, False), (101, False)])
def test_another_depth_gives_its_own_logits(depth, is_safetensors, tmp_path):
    torch.manual_seed(0)
    network = getattr(resnet, f"resnet{depth}")(num_classes=7).eval()
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    (save_file if is_safetensors else torch.save)(state, tmp_path / "file.pth")
    place = workspace(tmp_path / "job")
    released.run({"file": str(tmp_path / "file.pth")}, place)
    assert place.provenance["backbone"] == BackboneConfig(depth=depth).model_dump()
    assert place.provenance["layout"]["name"] == "torchvision" and place.provenance["classes"] == 7
    images = torch.randn(2, 3, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(load_classifier(place.folder / MODEL_FILE)(images), network(images))
    with pytest.raises(InputError, match=r"needs a classifier of ImageNet's 1000 classes, .* has one of 7 classes"):
        released.run({"file": str(tmp_path / "file.pth"), "classifier": "web"}, place)


@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_model_of_ours_is_a_layout_too(stem, suffix, tmp_path):
    backbone = BackboneConfig(depth=10, width=24, stem=stem)
    model = Classifier(backbone, classes=10).eval()
    tensors = {**exported(CrossEntropy(model)), "prototypes": torch.zeros(10, 64)}
    path = tmp_path / f"model.{suffix}"
    save_file(tensors, path) if suffix == "safetensors" else save_tensors(path, tensors)
    place = workspace(tmp_path / "job")
    released.run({"file": str(path), "classifier": "web", "classes": 10}, place)
    assert place.provenance["layout"]["name"] == "ours"
    assert place.provenance["backbone"] == backbone.model_dump()
    images = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        assert torch.equal(load_classifier(place.folder / MODEL_FILE)(images), model(images))


def test_a_model_of_ours_says_itself_how_its_trunk_takes_images(files, tmp_path):
    released.run(config(files("SimCLR")), first := workspace(tmp_path / "first"))
    released.run({"file": str(first.folder / MODEL_FILE)}, again := workspace(tmp_path / "again"))
    assert again.provenance["convention"] == first.provenance["convention"] != OURS._asdict()
    assert sha256_of(again.folder / MODEL_FILE) == sha256_of(first.folder / MODEL_FILE)


def test_another_architecture(tmp_path):
    assert "has shape (2048,), expected" not in refusal(
        resnet.resnet18().state_dict(), tmp_path, backbone={"depth": 50}
    )
    assert "does not match the layout torchvision" in refusal(resnet.wide_resnet50_2().state_dict(), tmp_path)
    assert "does not match the layout" in refusal([torch.zeros(3)], tmp_path)


def test_another_file_than_was_meant(files, tmp_path):
    digest = sha256_of(files("SwAV"))
    released.run(config(files("SwAV"), sha256=digest), workspace(tmp_path))
    with pytest.raises(InputError, match=rf"has the SHA-256 {digest}, expected {'0' * 64}: download it again"):
        released.run(config(files("SwAV"), sha256="0" * 64), workspace(tmp_path))


class Malicious:
    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_file_is_refused_and_does_not_run(is_zip, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": {"fc.bias": whole["fc.bias"]}, "optimizer": Malicious()}
    torch.save(content, "file.pth", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError) as error:
        released.run(config(tmp_path / "file.pth"), workspace(tmp_path / "job"))
    assert "is refused, and none of its code was run" in error.value.sentence
    assert "\n" not in error.value.sentence and "weights_only" not in error.value.sentence
    assert not (tmp_path / "executed").exists()


def test_files_that_cannot_be_read(files, tmp_path):
    for name, content, complaint in (
        ("missing.pth", None, r"missing\.pth does not exist: download it"),
        ("text.pth", b"<html>quota exceeded</html>", r"text\.pth is a web page or XML: download the file itself"),
        (
            "half.pth",
            files("SwAV").read_bytes()[:1_000_000],
            r"half\.pth is damaged or was cut short: download it again",
        ),
        ("empty.pth", b"", r"empty\.pth is empty: download it"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=complaint) as error:
            released.run(config(tmp_path / name), workspace(tmp_path / "job"))
        assert "\n" not in error.value.sentence


def test_a_release_is_no_mopro_to_clean_with(files, tmp_path):
    released.run(config(files("SimCLR")), workspace(tmp_path))
    with pytest.raises(InputError, match="holds no classifier"):
        load_encoder(tmp_path / MODEL_FILE)


def test_our_own_models_say_nothing_about_conventions(files, tmp_path):
    released.run(config(files("torchvision")), workspace(tmp_path))
    tensors = torch.load(tmp_path / MODEL_FILE, weights_only=True)
    assert not [name for name in tensors if name.startswith("convention.")]
    save_tensors(tmp_path / "again.pt", tensors)
    assert isinstance(load_classifier(tmp_path / "again.pt").translation, torch.nn.Identity)
