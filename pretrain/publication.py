"""The weights of a finished training as others take them: trunk and classifier, by torchvision's names."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import safetensors.torch
import torch

from core.errors import InputError
from core.files import sha256_of, written_atomically
from core.workspace import MODEL_FILE
from pretrain.architectures import trunk_in
from pretrain.backbone import BLOCKS
from pretrain.checkpoints import BESIDE_A_CLASSIFIER, NAMES, read_exported
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.loop import STATE_FILE
from pretrain.tensor_files import load_tensors, save_tensors

Form = Literal["torchvision", "safetensors"]
FILES: Mapping[str, str] = {"torchvision": "model.pth", "safetensors": "model.safetensors"}
ENCODER = "encoder."  # before the names of a training state's tensors


class Weights(NamedTuple):
    """A network that was trained.

    Attributes:
        tensors: of trunk and classifier (``fc``).
        architecture: of the trunk.
        convention: how it takes images.
    """

    tensors: dict[str, torch.Tensor]
    architecture: BackboneConfig
    convention: Convention

    @property
    def is_torchvisions(self) -> bool:
        """Whether torchvision has a function that builds it."""
        config = self.architecture
        return (config.width, config.stem) == (64, "imagenet") and config.depth != 10


def weights_in(folder: Path, provenance: Mapping[str, Any], convention: Convention = OURS) -> Weights:
    """What a job has trained: its exported model, or of a fine-tuning the network in its last training state.

    Args:
        folder: the job's.
        provenance: of its record, which has the digest of the one or the other.
        convention: how a fine-tuned trunk takes images, which its training state does not say.

    Raises:
        InputError: the file is missing or damaged, or is not the one that the job wrote.
    """
    if "model_sha256" in provenance:
        path = folder / MODEL_FILE
        if path.exists() and sha256_of(path) != provenance["model_sha256"]:
            raise _altered(path)
        exported = read_exported(path)
        tensors = {name: it for name, it in exported.tensors.items() if not name.startswith(BESIDE_A_CLASSIFIER)}
        return Weights(_in_order(tensors), exported.architecture, exported.convention)
    path = folder / STATE_FILE
    state = load_tensors(path, "restore it from a backup: the weights of a fine-tuning lie nowhere else")
    tensors = _in_order(_network_in(state, path))
    if digest_of(tensors) != provenance["weights_sha256"]:
        raise _altered(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return Weights(tensors, trunk_in(shapes).backbone, convention)


def digest_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """The SHA-256 over names, kinds, shapes and values, whatever file they lie in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        own = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {own.dtype} {tuple(own.shape)}\n".encode())
        digest.update(own.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def require_exportable(weights: Weights, form: Form) -> None:
    """Refuse what plain torchvision cannot compute, and as ``torchvision`` what it has no function for.

    Raises:
        InputError: the network is such.
    """
    config = weights.architecture
    if weights.convention.padding != "symmetric":
        raise InputError(
            "The network pads its images as TensorFlow does, which no network of torchvision's can: evaluate it with "
            "this suite."
        )
    if form == "torchvision" and not weights.is_torchvisions:
        raise InputError(
            f"--format torchvision is for what torchvision.models builds, the ResNets of depth "
            f"{', '.join(str(depth) for depth in BLOCKS if depth != 10)} and width 64 with the stem of ImageNet's; "
            f"this is one of depth {config.depth}, width {config.width} and stem {config.stem}: take --format "
            "safetensors, whose model card holds the lines that build it."
        )


def write_weights(weights: Weights, form: Form, folder: Path) -> Path:
    """Write the tensors into a folder; gives the file."""
    path = folder / FILES[form]
    if form == "torchvision":
        save_tensors(path, weights.tensors)
    else:
        with written_atomically(path) as file:
            file.write(safetensors.torch.save(weights.tensors, {"format": "pt"}))
    return path


def description_of(weights: Weights) -> dict[str, Any]:
    """What there is to know before the tensors are used, as plain values."""
    config, convention = weights.architecture, weights.convention
    return {
        "architecture": f"resnet{config.depth}",
        "width": config.width,
        "stem": config.stem,
        "num_classes": len(weights.tensors["fc.bias"]),
        "num_features": weights.tensors["fc.weight"].shape[1],
        "channels": convention.channels,
        "mean": [round(value / 255, 6) for value in convention.mean],
        "std": [round(value / 255, 6) for value in convention.deviation],
    }


def lines_that_load(weights: Weights, form: Form) -> str:
    """A program that builds the network with plain torchvision and loads the file, to be run in its folder."""
    config, classes = weights.architecture, len(weights.tensors["fc.bias"])
    file = FILES[form]
    if form == "torchvision":
        imports, reading = ["import torch"], f'torch.load("{file}", weights_only=True)'
    else:
        imports, reading = ["from safetensors.torch import load_file"], f'load_file("{file}")'
    if weights.is_torchvisions:
        imports.append(f"from torchvision.models import resnet{config.depth}")
        built = [f"model = resnet{config.depth}(num_classes={classes})"]
    else:
        imports += _imports_for(config)
        built = _lines_that_build(config, classes)
    return "\n".join([*imports, "", *built, f"model.load_state_dict({reading})", "model.eval()"])


def _imports_for(config: BackboneConfig) -> list[str]:
    block = "Bottleneck" if config.has_bottlenecks else "BasicBlock"
    return ["from torch import nn", f"from torchvision.models.resnet import {block}, ResNet"]


def _lines_that_build(config: BackboneConfig, classes: int) -> list[str]:
    """A ResNet that torchvision has no function for, by its class."""
    block, width = ("Bottleneck" if config.has_bottlenecks else "BasicBlock"), config.width
    lines, kind = [], "ResNet"
    if width != 64:
        kind = "Narrow"
        lines += [
            "",
            "class Narrow(ResNet):",
            "    def _make_layer(self, block, planes, *args, **kwargs):",
            f"        self.inplanes = {width} if planes == 64 else self.inplanes",
            f"        return super()._make_layer(block, planes * {width} // 64, *args, **kwargs)",
            "",
            "",
        ]
    lines.append(f"model = {kind}({block}, {list(BLOCKS[config.depth])}, num_classes={classes})")
    if config.stem == "small":
        lines += [
            f"model.conv1 = nn.Conv2d(3, {width}, kernel_size=3, stride=2, padding=1, bias=False)",
            "model.maxpool = nn.Identity()",
        ]
    elif width != 64:
        lines.append(f"model.conv1 = nn.Conv2d(3, {width}, kernel_size=7, stride=2, padding=3, bias=False)")
    if width != 64:
        lines += [
            f"model.bn1 = nn.BatchNorm2d({width})",
            f"model.fc = nn.Linear({8 * width}, {classes})",
        ]
    return lines


def _network_in(state: Any, path: Path) -> dict[str, torch.Tensor]:
    """Trunk and classifier of a training state, by their names in an exported model."""
    method = state.get("method") if isinstance(state, dict) else None
    if not isinstance(method, dict):
        raise _altered(path)
    named = {}
    for name, tensor in method.items():
        inner = name.removeprefix(ENCODER)
        prefix = next((prefix for prefix in NAMES if inner.startswith(prefix)), None)
        if prefix is None:
            raise _altered(path)
        named[NAMES[prefix] + inner.removeprefix(prefix)] = tensor
    return named


def _in_order(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _altered(path: Path) -> InputError:
    return InputError(f"The weights in {path} are not those that the job has written: restore them from a backup.")
