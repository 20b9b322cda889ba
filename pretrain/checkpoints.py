"""Two kinds of files: the training state, from which a run goes on, and the exported model, which other stages read.

The exported model is a dictionary of tensors with torchvision's names for the trunk and ``fc`` for the classifier
(MoPro adds ``projection.*`` and ``prototypes``); it is read without executing pickled code.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import InputError
from core.files import written_atomically
from pretrain.backbone import Classifier, ProjectingEncoder
from pretrain.config import BackboneConfig

MODEL_FILE = "model.pt"
NAMES = {"trunk.": "", "classifier.": "fc.", "projection.": "projection."}  # in an encoder, in its exported model
BESIDE_A_CLASSIFIER = ("projection.", "prototypes")


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
        if zipfile.is_zipfile(path) and (damaged := zipfile.ZipFile(path).testzip()):  # torch does not look at the sums
            raise InputError(f"The checkpoint {path} is damaged in {damaged}: write it anew.")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"The checkpoint {path} does not exist: run its pretraining again.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The checkpoint {path} is not a file of tensors ({reason}): write it anew.") from None


def exported(method: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a trained method that outlive it, by their names in the exported model."""
    of_encoder = _by_exported_name(method.get_submodule("encoder"))
    tensors = {name: tensor.cpu().contiguous() for name, tensor in of_encoder.items()}
    if hasattr(method, "prototypes"):
        tensors["prototypes"] = method.get_buffer("prototypes").cpu()
    return tensors


def load_classifier(path: Path, config: BackboneConfig, precision: str = "float32") -> Classifier:
    """The exported trunk and classifier, in evaluation mode; ``precision`` is that of the trunk.

    Raises:
        InputError: the file cannot be read, or its keys or shapes are not exactly those of the backbone.
    """
    tensors = load_tensors(path)
    model = Classifier(config, _classes(tensors, path), precision)
    of_classifier = {name: tensor for name, tensor in tensors.items() if not name.startswith(BESIDE_A_CLASSIFIER)}
    _fill(_by_exported_name(model), of_classifier, path, config)
    return model.eval()


def load_trunk(path: Path, config: BackboneConfig, classes: int, precision: str = "float32") -> Classifier:
    """The exported trunk under a fresh classifier, which is drawn from torch's global generator.

    Raises:
        InputError: the file cannot be read, or its trunk's keys or shapes are not exactly those of the backbone.
    """
    tensors = load_tensors(path)
    model = Classifier(config, classes, precision)
    trunk = {name: place for name, place in _by_exported_name(model).items() if not name.startswith("fc.")}
    of_trunk = {name: tensor for name, tensor in tensors.items() if not name.startswith(("fc.", *BESIDE_A_CLASSIFIER))}
    _fill(trunk, of_trunk, path, config)
    return model


def load_encoder(path: Path, config: BackboneConfig, embedding_size: int) -> tuple[ProjectingEncoder, torch.Tensor]:
    """An exported MoPro model whole: the encoder, in evaluation mode, and prototypes ``[classes, embedding_size]``.

    Raises:
        InputError: as :func:`load_classifier`; a model without projection or prototypes does not fit.
    """
    tensors = load_tensors(path)
    classes = _classes(tensors, path)
    encoder = ProjectingEncoder(config, classes, embedding_size)
    prototypes = torch.empty(classes, embedding_size)
    _fill(_by_exported_name(encoder) | {"prototypes": prototypes}, tensors, path, config)
    return encoder.eval(), prototypes


def _by_exported_name(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """The encoder's own tensors; writing into one changes the encoder."""
    named = {}
    for key, tensor in encoder.state_dict().items():
        prefix = next(prefix for prefix in NAMES if key.startswith(prefix))
        named[NAMES[prefix] + key.removeprefix(prefix)] = tensor
    return named


def _classes(tensors: Mapping[str, torch.Tensor], path: Path) -> int:
    if "fc.bias" not in tensors:
        raise InputError(f"The checkpoint {path} holds no classifier (fc.weight, fc.bias): name one that does.")
    return len(tensors["fc.bias"])


def _fill(
    places: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor], path: Path, config: BackboneConfig
) -> None:
    """Copy every tensor to the place of its name.

    Raises:
        InputError: names or shapes differ.
    """
    expected = {name: tuple(place.shape) for name, place in places.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        odd = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise InputError(
            f"The checkpoint {path} does not fit a ResNet-{config.depth} of width {config.width}: {odd[0]} has shape "
            f"{found.get(odd[0], 'missing')}, expected {expected.get(odd[0], 'none')}; name the right backbone or "
            "checkpoint."
        )
    for name, place in places.items():
        place.copy_(tensors[name])
