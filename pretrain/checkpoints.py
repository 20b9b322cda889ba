"""Two kinds of files: the training state, from which a run goes on, and the exported model, which other stages read.

The exported model is a dictionary of tensors with torchvision's names for the trunk and ``fc`` for the classifier
(MoPro adds ``projection.*`` and ``prototypes``); it is read without executing pickled code.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import InputError
from core.files import written_atomically
from pretrain.backbone import Classifier
from pretrain.config import BackboneConfig

MODEL_FILE = "model.pt"
BESIDE_THE_TRUNK = ("fc.", "projection.", "prototypes")


def save_tensors(path: Path, value: Any) -> None:
    """Write nested dictionaries of tensors and numbers, atomically; equal values give equal bytes."""
    with written_atomically(path) as file:
        torch.save(value, file)


def load_tensors(path: Path) -> Any:
    """Read what :func:`save_tensors` wrote, onto the CPU.

    Raises:
        InputError: the file is missing, broken, or holds anything but tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"The checkpoint {path} does not exist: run its pretraining again.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The checkpoint {path} is not a file of tensors ({reason}): write it anew.") from None


def exported(method: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a trained method that outlive it, by their names in the exported model."""
    names = {"trunk.": "", "classifier.": "fc.", "projection.": "projection."}
    tensors = {}
    for key, tensor in method.encoder.state_dict().items():  # type: ignore[union-attr]
        prefix = next(prefix for prefix in names if key.startswith(prefix))
        tensors[names[prefix] + key.removeprefix(prefix)] = tensor.cpu().contiguous()
    if hasattr(method, "prototypes"):
        tensors["prototypes"] = method.prototypes.cpu()
    return tensors


def load_classifier(path: Path, config: BackboneConfig, precision: str = "float32") -> Classifier:
    """The exported trunk and classifier, in evaluation mode.

    Raises:
        InputError: the file cannot be read, its trunk's keys or shapes are not exactly those of the backbone, or it
            holds no classifier.
    """
    tensors = load_tensors(path)
    if not {"fc.weight", "fc.bias"} <= tensors.keys():
        raise InputError(f"The checkpoint {path} holds no classifier (fc.weight, fc.bias): name one that does.")
    model = Classifier(config, len(tensors["fc.bias"]), precision)
    _fill_trunk(model, tensors, config, path)
    model.classifier.load_state_dict({"weight": tensors["fc.weight"], "bias": tensors["fc.bias"]})
    return model.eval()


def load_trunk(path: Path, config: BackboneConfig, classes: int, precision: str = "float32") -> Classifier:
    """The exported trunk under a fresh classifier, which is drawn from torch's global generator.

    Raises:
        InputError: the file cannot be read, or its trunk's keys or shapes are not exactly those of the backbone.
    """
    model = Classifier(config, classes, precision)
    _fill_trunk(model, load_tensors(path), config, path)
    return model


def _fill_trunk(model: Classifier, tensors: Mapping[str, torch.Tensor], config: BackboneConfig, path: Path) -> None:
    trunk = {key: tensor for key, tensor in tensors.items() if not key.startswith(BESIDE_THE_TRUNK)}
    expected = {key: tuple(tensor.shape) for key, tensor in model.trunk.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in trunk.items()}
    if found != expected:
        odd = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
        raise InputError(
            f"The checkpoint {path} does not fit a ResNet-{config.depth} of width {config.width}: {odd[0]} has shape "
            f"{found.get(odd[0], 'missing')}, expected {expected.get(odd[0], 'none')}; name the right backbone."
        )
    model.trunk.load_state_dict(trunk)
