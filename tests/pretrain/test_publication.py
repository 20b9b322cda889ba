"""Weights that leave the house: plain torchvision computes the same from them, bit for bit."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import InputError
from core.files import sha256_of
from pretrain.backbone import Classifier, ProjectingEncoder
from pretrain.checkpoints import convention_tensors, exported, load_classifier
from pretrain.config import BackboneConfig
from pretrain.conventions import SAME_PADDING, ZERO_TO_ONE
from pretrain.cross_entropy import CrossEntropy
from pretrain.methods.mopro.model import MoPro
from pretrain.publication import (
    FILES,
    digest_of,
    lines_that_load,
    require_exportable,
    weights_in,
    write_weights,
)
from pretrain.tensor_files import save_tensors
from tests.support.toy_world import CONSTANTS

RESNET50 = BackboneConfig(depth=50)
MINIATURE = BackboneConfig(depth=10, width=24, stem="small")
OTHERS = (
    BackboneConfig(depth=18),
    BackboneConfig(depth=18, width=16),
    BackboneConfig(depth=18, stem="small"),
    BackboneConfig(depth=50, stem="small"),
)


def trained(architecture: BackboneConfig, classes: int = 7) -> MoPro:
    """A model whose BatchNorm has seen images, as after a training."""
    torch.manual_seed(0)
    encoder = ProjectingEncoder(architecture, classes, CONSTANTS.embedding_size)
    with torch.no_grad():
        encoder.train()(torch.randn(4, 3, 64, 64))
    return MoPro(encoder, classes, CONSTANTS, seed=0)


def written(folder: Path, tensors: dict[str, torch.Tensor]) -> dict[str, str]:
    """The provenance of a job that has exported these tensors."""
    save_tensors(folder / "model.pt", tensors)
    return {"model_sha256": sha256_of(folder / "model.pt")}


def loaded(lines: str, folder: Path, monkeypatch) -> nn.Module:
    """The network that the lines of a model card give in its folder; this suite's modules are out of their reach."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("core", "pretrain")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not (Path(path) / "run_all.py").exists()])
    monkeypatch.chdir(folder)
    names: dict[str, nn.Module] = {}
    exec(lines, names)
    return names["model"]


@pytest.mark.parametrize(
    ("architecture", "form"),
    [
        (RESNET50, "torchvision"),
        (RESNET50, "safetensors"),
        (MINIATURE, "safetensors"),
        (BackboneConfig(depth=18), "torchvision"),
        *((architecture, "safetensors") for architecture in OTHERS),
    ],
)
def test_plain_torchvision_gives_the_same_features_bit_for_bit(architecture, form, tmp_path, monkeypatch):
    weights = weights_in(tmp_path, written(tmp_path, exported(trained(architecture))))
    require_exportable(weights, form)
    out = tmp_path / "out"
    out.mkdir()
    assert write_weights(weights, form, out).name == FILES[form]
    ours, images = load_classifier(tmp_path / "model.pt"), torch.randn(3, 3, 64, 64)
    theirs = loaded(lines_that_load(weights, form), out, monkeypatch)
    with torch.no_grad():
        assert torch.equal(theirs(images), ours(images))
        theirs.fc = nn.Identity()
        assert torch.equal(theirs(images), ours.features(images))
    assert not ours.features(images).isnan().any() and ours.features(images).std() > 0


def test_equal_weights_give_equal_files(tmp_path):
    weights = weights_in(tmp_path, written(tmp_path, exported(trained(MINIATURE))))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_weights(weights, "safetensors", tmp_path / name)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


@pytest.mark.parametrize("architecture", [MINIATURE, BackboneConfig(depth=18, width=16), *OTHERS[2:]])
def test_what_torchvision_has_no_function_for_is_no_file_of_its(architecture, tmp_path):
    weights = weights_in(tmp_path, written(tmp_path, exported(trained(architecture))))
    with pytest.raises(InputError, match=r"take --format safetensors, whose model card holds the lines that build it"):
        require_exportable(weights, "torchvision")


def test_a_network_that_pads_as_tensorflow_does_is_refused(tmp_path):
    tensors = exported(CrossEntropy(Classifier(RESNET50, 7)))
    provenance = written(tmp_path, tensors | convention_tensors(SAME_PADDING))
    for form in FILES:
        with pytest.raises(InputError, match="pads its images as TensorFlow does"):
            require_exportable(weights_in(tmp_path, provenance), form)
    weights = weights_in(tmp_path, written(tmp_path, tensors | convention_tensors(ZERO_TO_ONE)))
    require_exportable(weights, "torchvision")
    assert weights.convention == ZERO_TO_ONE


def test_a_model_that_is_not_the_records_is_refused(tmp_path):
    provenance = written(tmp_path, exported(trained(MINIATURE)))
    written(tmp_path, exported(trained(MINIATURE, classes=8)))
    with pytest.raises(InputError, match=r"model\.pt are not those that the job has written"):
        weights_in(tmp_path, provenance)
    (tmp_path / "model.pt").unlink()
    with pytest.raises(InputError, match=r"model\.pt"):
        weights_in(tmp_path, provenance)


def test_a_digest_is_of_names_and_values():
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1)}
    of = digest_of(tensors)
    assert of == digest_of({"b": tensors["b"], "a": tensors["a"].t().contiguous().t()})
    assert of != digest_of(tensors | {"b": torch.tensor(2)})
    assert of != digest_of(tensors | {"a": tensors["a"].reshape(3, 2)})
    assert of != digest_of(tensors | {"a": tensors["a"].to(torch.float64)})
