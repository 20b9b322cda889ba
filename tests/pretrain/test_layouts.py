"""The layout of a released checkpoint: told by its names and shapes, or refused with the nearest one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import InputError
from core.files import sha256_of
from core.vision import resnet
from core.workspace import MODEL_FILE
from pretrain import layouts, released
from pretrain.architectures import trunk_in
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported, load_classifier, load_trunk
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS
from pretrain.cross_entropy import CrossEntropy
from pretrain.layouts import LAYOUTS, NAMES, Layout, recognise
from pretrain.tensor_files import save_tensors
from tests.support.released_files import FILES, config, moco_v2, refusal, trunk_of, workspace

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def test_every_layout_has_a_file_in_these_tests():
    assert {layout for layout, _ in FILES.values()} | {"ours"} == set(NAMES) == {layout.name for layout in LAYOUTS}


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


def test_our_own_models_say_nothing_about_conventions(files, tmp_path):
    released.run(config(files("torchvision")), workspace(tmp_path))
    tensors = torch.load(tmp_path / MODEL_FILE, weights_only=True)
    assert not [name for name in tensors if name.startswith("convention.")]
    save_tensors(tmp_path / "again.pt", tensors)
    assert isinstance(load_classifier(tmp_path / "again.pt").translation, torch.nn.Identity)
