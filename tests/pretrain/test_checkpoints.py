"""Exported models: read whole or refused; the training state survives exactly."""

import pytest
import torch

from core.errors import InputError
from core.vision import resnet
from pretrain.backbone import Classifier, ProjectingEncoder
from pretrain.checkpoints import architecture_of, exported, load_classifier, load_encoder, load_trunk
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.methods.mopro.model import MoPro
from pretrain.methods.mopro.spec import MoProConfig
from pretrain.tensor_files import load_tensors, save_tensors
from tests.support.toy_world import CONSTANTS

SMALL = BackboneConfig(depth=10, width=16, stem="small")


def mopro() -> MoPro:
    torch.manual_seed(0)
    config: MoProConfig = CONSTANTS
    return MoPro(ProjectingEncoder(SMALL, 10, config.embedding_size), 10, config, seed=0)


def test_an_exported_model_gives_the_same_logits(tmp_path):
    method = mopro().eval()
    save_tensors(tmp_path / "model.pt", exported(method))
    images = torch.randn(3, 3, 28, 28)
    assert torch.equal(load_classifier(tmp_path / "model.pt")(images), method.encoder(images)[0])


def test_equal_models_give_equal_files(tmp_path):
    save_tensors(tmp_path / "a.pt", exported(mopro()))
    save_tensors(tmp_path / "b.pt", exported(mopro()))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize("depth", [18, 50])
def test_published_sizes_have_torchvisions_names_and_shapes(depth):
    ours = exported(CrossEntropy(Classifier(BackboneConfig(depth=depth), classes=1000)))
    theirs = getattr(resnet, f"resnet{depth}")().state_dict()
    ours = {key: value for key, value in ours.items() if not key.startswith("architecture.")}
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


@pytest.mark.parametrize(
    "architecture",
    [
        BackboneConfig(depth=10, width=8, stem="small"),
        BackboneConfig(depth=18, width=16),
        BackboneConfig(depth=50, stem="small"),
    ],
)
def test_a_model_says_itself_what_it_is_built_like(tmp_path, architecture):
    save_tensors(tmp_path / "model.pt", exported(CrossEntropy(Classifier(architecture, classes=3))))
    assert architecture_of(tmp_path / "model.pt") == architecture
    assert load_classifier(tmp_path / "model.pt").architecture == architecture


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("architecture.depth", None, "does not say whole of which architecture it is: export it anew"),
        ("architecture.depth", torch.tensor(10.0), "does not say whole of which architecture it is"),
        ("architecture.depth", torch.tensor(11), "speaks of a ResNet-11 of width 16, which there is not"),
        ("architecture.width", torch.tensor(0), "speaks of a ResNet-10 of width 0, which there is not"),
        ("architecture.small_stem", torch.tensor(False), r"does not fit a ResNet-10 of width 16: conv1\.weight"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(tmp_path, key, value, said):
    tensors = exported(mopro()) | {key: value}
    save_tensors(tmp_path / "model.pt", {name: tensor for name, tensor in tensors.items() if tensor is not None})
    with pytest.raises(InputError, match=said):
        load_classifier(tmp_path / "model.pt")


@pytest.mark.parametrize("change", ["missing", "strange", "shape"])
def test_a_trunk_that_does_not_fit_is_refused(tmp_path, change):
    tensors = exported(mopro())
    if change == "missing":
        del tensors["layer2.0.conv1.weight"]
    elif change == "strange":
        tensors["layer5.0.conv1.weight"] = torch.zeros(1)
    else:
        tensors["layer2.0.conv1.weight"] = torch.zeros(3)
    save_tensors(tmp_path / "model.pt", tensors)
    with pytest.raises(InputError, match=r"does not fit a ResNet-10 of width 16: layer\d\.0\.conv1\.weight"):
        load_classifier(tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"does not fit a ResNet-10 of width 16: layer\d\.0\.conv1\.weight"):
        load_trunk(tmp_path / "model.pt", classes=10)


def test_a_trunk_can_be_read_without_its_classifier(tmp_path):
    method = mopro()
    tensors = exported(method)
    save_tensors(tmp_path / "whole.pt", tensors)
    save_tensors(tmp_path / "bare.pt", {key: value for key, value in tensors.items() if not key.startswith("fc.")})
    for name in ("whole.pt", "bare.pt"):
        model = load_trunk(tmp_path / name, classes=7)
        assert model.classifier.out_features == 7
        assert torch.equal(model.trunk.conv1.weight, method.encoder.trunk.conv1.weight)
    with pytest.raises(InputError, match=r"bare\.pt holds no classifier"):
        load_classifier(tmp_path / "bare.pt")


class Malicious:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_pickled_code_is_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Malicious(), tmp_path / "model.pt")
    with pytest.raises(
        InputError, match=r"is refused, and none of its code was run: .* but asks for _?io\.open: delete"
    ):
        load_tensors(tmp_path / "model.pt")
    assert not (tmp_path / "executed").exists()


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.pt does not exist"):
        load_tensors(tmp_path / "nothing.pt")


def test_a_broken_checkpoint_is_named(tmp_path):
    save_tensors(tmp_path / "model.pt", {"a": torch.zeros(100)})
    content = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"model\.pt is damaged or was cut short: delete .*record\.json"):
        load_tensors(tmp_path / "model.pt")


def test_a_whole_encoder_gives_the_same_logits_and_embeddings(tmp_path):
    method = mopro().eval()
    method.prototypes = torch.randn_like(method.prototypes)
    save_tensors(tmp_path / "model.pt", exported(method))
    encoder, prototypes = load_encoder(tmp_path / "model.pt")
    images = torch.randn(3, 3, 28, 28)
    assert all(torch.equal(*pair) for pair in zip(encoder(images), method.encoder(images), strict=True))
    assert torch.equal(prototypes, method.prototypes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prototypes", torch.zeros(9, 16)),
        ("projection.2.weight", None),
        ("projection.2.weight", torch.zeros(1)),
        ("projection.4.weight", torch.zeros(1)),
        ("layer2.0.conv1.weight", None),
        ("fc.weight", None),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(tmp_path, key, value):
    tensors = exported(mopro())
    if value is None:
        del tensors[key]
    else:
        tensors[key] = value
    save_tensors(tmp_path / "model.pt", tensors)
    with pytest.raises(InputError, match=r"does not fit a ResNet-10 of width 16: .* has shape"):
        load_encoder(tmp_path / "model.pt")


def test_a_cross_entropy_model_has_no_prototypes(tmp_path):
    save_tensors(tmp_path / "model.pt", exported(CrossEntropy(Classifier(SMALL, 10))))
    with pytest.raises(InputError, match=r"model\.pt holds no prototypes: name one that MoPro has trained"):
        load_encoder(tmp_path / "model.pt")
