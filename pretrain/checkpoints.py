"""Two kinds of files: the training state, from which a run goes on, and the exported model, which other stages read.

The exported model is a dictionary of tensors with torchvision's names for the trunk and ``fc`` for the classifier
(MoPro adds ``projection.*`` and ``prototypes``, a release that takes its images in another way ``convention.*``); it is
read without executing pickled code.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from core.errors import InputError
from pretrain.backbone import Classifier, ProjectingEncoder
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.tensor_files import fault_of, load_tensors

NAMES = {"trunk.": "", "classifier.": "fc.", "projection.": "projection."}  # in an encoder, in its exported model
BESIDE_A_CLASSIFIER = ("projection.", "prototypes")


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
    tensors, convention = _read(path)
    model = Classifier(config, _classes(tensors, path), precision)
    of_classifier = {name: tensor for name, tensor in tensors.items() if not name.startswith(BESIDE_A_CLASSIFIER)}
    _fill(_by_exported_name(model), of_classifier, path, config)
    if convention != OURS:
        model.follow(convention)
    return model.eval()


def load_trunk(path: Path, config: BackboneConfig, classes: int, precision: str = "float32") -> Classifier:
    """The exported trunk under a fresh classifier, which is drawn from torch's global generator.

    Raises:
        InputError: the file cannot be read, or its trunk's keys or shapes are not exactly those of the backbone.
    """
    tensors, convention = _read(path)
    model = Classifier(config, classes, precision)
    trunk = {name: place for name, place in _by_exported_name(model).items() if not name.startswith("fc.")}
    of_trunk = {name: tensor for name, tensor in tensors.items() if not name.startswith(("fc.", *BESIDE_A_CLASSIFIER))}
    _fill(trunk, of_trunk, path, config)
    if convention != OURS:
        model.follow(convention)
    return model


def load_encoder(path: Path, config: BackboneConfig, embedding_size: int) -> tuple[ProjectingEncoder, torch.Tensor]:
    """An exported MoPro model whole: the encoder, in evaluation mode, and prototypes ``[classes, embedding_size]``.

    Raises:
        InputError: as :func:`load_classifier`; a model without projection or prototypes does not fit.
    """
    tensors = _tensors_of(path)
    classes = _classes(tensors, path)
    encoder = ProjectingEncoder(config, classes, embedding_size)
    prototypes = torch.empty(classes, embedding_size)
    _fill(_by_exported_name(encoder) | {"prototypes": prototypes}, tensors, path, config)
    return encoder.eval(), prototypes


def convention_tensors(convention: Convention) -> dict[str, torch.Tensor]:
    """What an exported model holds beside its tensors if its trunk takes images in another way than ours."""
    return {
        "convention.mean": torch.tensor(convention.mean, dtype=torch.double),
        "convention.deviation": torch.tensor(convention.deviation, dtype=torch.double),
        "convention.is_bgr": torch.tensor(convention.channels == "BGR"),
        "convention.pads_same": torch.tensor(convention.padding == "same"),
    }


def _tensors_of(path: Path) -> dict[str, torch.Tensor]:
    content = load_tensors(path)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in content.items()
    ):
        raise InputError(f"The checkpoint {path} is no exported model, which holds tensors by name: name one that is.")
    return content


def _read(path: Path) -> tuple[dict[str, torch.Tensor], Convention]:
    """The tensors of an exported model, and how its trunk takes images."""
    tensors = _tensors_of(path)
    expected = convention_tensors(OURS)
    found = {name: tensors.pop(name) for name in expected if name in tensors}
    if not found:
        return tensors, OURS
    if [(name, *_kind(found[name])) for name in found] != [(name, *_kind(expected[name])) for name in expected]:
        raise InputError(f"The checkpoint {path} does not say whole how its trunk takes images: export it anew.")
    mean, deviation, is_bgr, pads_same = (value.tolist() for value in found.values())
    if min(deviation) <= 0:
        raise InputError(f"The checkpoint {path} divides images by {min(deviation)}: export it anew.")
    return tensors, Convention(
        tuple(mean), tuple(deviation), "BGR" if is_bgr else "RGB", "same" if pads_same else "symmetric"
    )


def _kind(tensor: torch.Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype


def _by_exported_name(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """The encoder's own tensors; writing into one changes the encoder."""
    named = {}
    for key, tensor in encoder.state_dict().items():
        prefix = next(prefix for prefix in NAMES if key.startswith(prefix))
        named[NAMES[prefix] + key.removeprefix(prefix)] = tensor
    return named


def _classes(tensors: Mapping[str, torch.Tensor], path: Path) -> int:
    if "fc.bias" not in tensors or tensors["fc.bias"].ndim != 1:
        raise InputError(f"The checkpoint {path} holds no classifier (fc.weight, fc.bias): name one that does.")
    return len(tensors["fc.bias"])


def _fill(
    places: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor], path: Path, config: BackboneConfig
) -> None:
    """Copy every tensor to the place of its name.

    Raises:
        InputError: names or shapes differ, whole numbers stand for real ones, or one is too large for its place.
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
        if place.is_floating_point() != tensors[name].is_floating_point():
            raise InputError(
                f"The checkpoint {path} does not fit: {name} holds {tensors[name].dtype}, expected {place.dtype}; "
                "name the right checkpoint."
            )
        place.copy_(tensors[name])
        if fault := fault_of(name, place):
            raise InputError(f"The checkpoint {path} cannot be used in {place.dtype}: {fault}; name another one.")
