"""Two kinds of files: the training state, from which a run goes on, and the exported model, which other stages read.

The exported model is a dictionary of tensors with torchvision's names for the trunk, ``fc`` for the classifier, and
``architecture.*`` for what the trunk is built like (MoPro adds ``projection.*`` and ``prototypes``, a release that
takes its images in another way ``convention.*``). It is read without executing pickled code, and nobody has to know
before what it holds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import ValidationError
from torch import nn

from core.errors import InputError
from pretrain.backbone import Backbone, Classifier, ProjectingEncoder
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.tensor_files import fault_of, load_tensors

NAMES = {"trunk.": "", "classifier.": "fc.", "projection.": "projection."}  # in an encoder, in its exported model
BESIDE_A_CLASSIFIER = ("projection.", "prototypes")


def exported(method: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a trained method that outlive it, by their names in the exported model.

    These are its encoder's, and the buffers that its ``exports`` name, if it has such.
    """
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, Backbone)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in _by_exported_name(encoder).items()}
    tensors |= architecture_tensors(encoder.architecture)
    return tensors | {name: method.get_buffer(name).cpu() for name in getattr(method, "exports", ())}


def misfit_of_export(method: nn.Module, classes: int) -> str | None:
    """What would keep a method from being exported as a model that can be read, as a phrase; None if nothing."""
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, Backbone)
    strange = [key for key in encoder.state_dict() if not key.startswith(tuple(NAMES))]
    if strange:
        return f"its encoder holds {strange[0]}, for which an exported model has no place: keep it beside the encoder"
    try:
        tensors = exported(method)
    except AttributeError as error:
        return f"its exports are to name buffers ({error})"
    with torch.device("meta"):  # shapes alone: nothing is drawn
        fresh = Classifier(encoder.architecture, classes)
    expected = {**_by_exported_name(fresh), **architecture_tensors(encoder.architecture)}
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(BESIDE_A_CLASSIFIER)}
    for name in found.keys() | expected.keys():
        shapes = [tuple(of[name].shape) if name in of else None for of in (found, expected)]
        if shapes[0] != shapes[1]:
            return f"what it exports has {name} of shape {shapes[0]}, expected {shapes[1]}"
    return None


def load_classifier(path: Path, precision: str = "float32") -> Classifier:
    """The exported trunk and classifier, in evaluation mode; ``precision`` is that of the trunk.

    Raises:
        InputError: the file cannot be read, or its keys or shapes are not exactly those of its architecture.
    """
    found = read_exported(path)
    model = Classifier(found.architecture, _classes(found.tensors, path), precision)
    of_classifier = {name: tensor for name, tensor in found.tensors.items() if not name.startswith(BESIDE_A_CLASSIFIER)}
    _fill(_by_exported_name(model), of_classifier, path, found.architecture)
    if found.convention != OURS:
        model.use_convention(found.convention)
    return model.eval()


def load_trunk(path: Path, classes: int, precision: str = "float32") -> Classifier:
    """The exported trunk under a fresh classifier, which is drawn from torch's global generator.

    Raises:
        InputError: the file cannot be read, or its trunk's keys or shapes are not exactly those of its architecture.
    """
    found = read_exported(path)
    model = Classifier(found.architecture, classes, precision)
    trunk = {name: place for name, place in _by_exported_name(model).items() if not name.startswith("fc.")}
    beside = ("fc.", *BESIDE_A_CLASSIFIER)
    of_trunk = {name: tensor for name, tensor in found.tensors.items() if not name.startswith(beside)}
    _fill(trunk, of_trunk, path, found.architecture)
    if found.convention != OURS:
        model.use_convention(found.convention)
    return model


def load_encoder(path: Path) -> tuple[ProjectingEncoder, torch.Tensor]:
    """An exported MoPro model whole: the encoder, in evaluation mode, and prototypes ``[classes, embedding_size]``.

    Raises:
        InputError: as :func:`load_classifier`; a model without projection or prototypes does not fit.
    """
    found = read_exported(path)
    classes, prototypes = _classes(found.tensors, path), found.tensors.get("prototypes")
    if prototypes is None or prototypes.ndim != 2:
        raise InputError(f"The checkpoint {path} holds no prototypes: name one that MoPro has trained.")
    encoder = ProjectingEncoder(found.architecture, classes, prototypes.shape[1])
    filled = torch.empty(classes, prototypes.shape[1])
    _fill(_by_exported_name(encoder) | {"prototypes": filled}, found.tensors, path, found.architecture)
    return encoder.eval(), filled


def architecture_of(path: Path) -> BackboneConfig:
    """What the trunk of an exported model is built like.

    Raises:
        InputError: the file cannot be read, or does not say.
    """
    return read_exported(path).architecture


def architecture_tensors(architecture: BackboneConfig) -> dict[str, torch.Tensor]:
    """What an exported model holds beside its tensors, so that no reader has to be told."""
    return {
        "architecture.depth": torch.tensor(architecture.depth),
        "architecture.width": torch.tensor(architecture.width),
        "architecture.small_stem": torch.tensor(architecture.stem == "small"),
    }


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


class Exported(NamedTuple):
    """The tensors of a model, what its trunk is built like, and how it takes images."""

    tensors: dict[str, torch.Tensor]
    architecture: BackboneConfig
    convention: Convention


def read_exported(path: Path) -> Exported:
    """The content of an exported model, apart.

    Raises:
        InputError: the file cannot be read, or does not say of which architecture it is.
    """
    tensors = _tensors_of(path)
    architecture = _architecture(_taken(tensors, architecture_tensors(BackboneConfig(depth=50))), path)
    return Exported(tensors, architecture, convention_in(tensors, path))


def _taken(tensors: dict[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """Those of some names, taken out; None where one is missing or of another kind, empty where all are missing."""
    found = {name: tensors.pop(name) for name in expected if name in tensors}
    is_whole = {name: _kind(it) for name, it in found.items()} == {name: _kind(it) for name, it in expected.items()}
    return found if is_whole or not found else None


def _architecture(found: Mapping[str, torch.Tensor] | None, path: Path) -> BackboneConfig:
    """What the trunk is built like.

    Raises:
        InputError: the file does not say, or speaks of a network that does not exist.
    """
    if not found:
        raise InputError(f"The checkpoint {path} does not say whole of which architecture it is: export it anew.")
    depth, width, has_small_stem = (value.item() for value in found.values())
    try:
        stem = "small" if has_small_stem else "imagenet"
        return BackboneConfig.model_validate({"depth": depth, "width": width, "stem": stem})
    except ValidationError:
        raise InputError(
            f"The checkpoint {path} speaks of a ResNet-{depth} of width {width}, which there is not: export it anew."
        ) from None


def convention_in(tensors: dict[str, torch.Tensor], path: Path) -> Convention:
    """How the trunk takes images, as some of the tensors say, which are taken out.

    Raises:
        InputError: the file says it in part, or divides images by what is not positive.
    """
    found = _taken(tensors, convention_tensors(OURS))
    if found is None:
        raise InputError(f"The checkpoint {path} does not say whole how its trunk takes images: export it anew.")
    if not found:
        return OURS
    mean, deviation, is_bgr, pads_same = (value.tolist() for value in found.values())
    if min(deviation) <= 0:
        raise InputError(f"The checkpoint {path} divides images by {min(deviation)}: export it anew.")
    return Convention(tuple(mean), tuple(deviation), "BGR" if is_bgr else "RGB", "same" if pads_same else "symmetric")


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
            f"{found.get(odd[0], 'missing')}, expected {expected.get(odd[0], 'none')}; name the right "
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
