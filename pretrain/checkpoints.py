"""Two kinds of files: the training state, from which a run goes on, and the exported model, which other stages read.

The exported model is a dictionary of tensors with torchvision's names for the trunk and ``fc`` for the classifier
(MoPro adds ``projection.*`` and ``prototypes``); it is read without executing pickled code.
"""

import pickle
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


def load_classifier(path: Path, config: BackboneConfig) -> Classifier:
    """The exported trunk and classifier, in evaluation mode.

    Raises:
        InputError: the file cannot be read, or its trunk's keys or shapes are not exactly those of the backbone.
    """
    tensors = load_tensors(path)
    trunk = {key: tensor for key, tensor in tensors.items() if not key.startswith(BESIDE_THE_TRUNK)}
    model = Classifier(config, classes=len(tensors["fc.bias"]) if "fc.bias" in tensors else 1)
    expected = {key: tuple(tensor.shape) for key, tensor in model.trunk.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in trunk.items()}
    if found != expected:
        odd = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
        raise InputError(
            f"The checkpoint {path} does not fit a ResNet-{config.depth} of width {config.width}: {odd[0]} has shape "
            f"{found.get(odd[0], 'missing')}, expected {expected.get(odd[0], 'none')}; name the right backbone."
        )
    model.trunk.load_state_dict(trunk)
    model.classifier.load_state_dict({"weight": tensors["fc.weight"], "bias": tensors["fc.bias"]})
    return model.eval()
