"""The stage for a checkpoint that is no ResNet of torchvision's: a module that a user's own file builds from it.

Nothing is exported: the job's folder says where both files lie, and every evaluation builds the module anew, from the
very bytes that the job has seen.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from core.errors import InputError
from core.files import sha256_of, write_json
from core.user_code import called, error_in, load, load_function
from core.workspace import Workspace
from pretrain.config import Built, BuiltConfig
from pretrain.conventions import ZERO_TO_ONE
from pretrain.translation import Translation

BUILT_FILE = "built.json"  # what such a job leaves to others, where another leaves a model


class Size(NamedTuple):
    """What a module gives for an image: how many features, and class logits; None where it gives no logits."""

    features: int
    classes: int | None


class BuiltModel(nn.Module):
    """A user's module as evaluations see a model of ours: images come normalised our way.

    The module is given them as RGB in [0, 1], ``[n, 3, height, width]``, and does with them what it was trained to.

    Args:
        module: of the user's: ``features`` gives ``[n, d]`` for images, and ``logits`` ``[n, classes]``, if it has one.
        build: the function that has built it, which is named where it is at fault.
    """

    feature_size: int  # d, where it is known already

    def __init__(self, module: nn.Module, build: Any) -> None:
        super().__init__()
        self.module = module
        self.build = build
        self.translation = Translation(ZERO_TO_ONE)

    @property
    def has_logits(self) -> bool:
        """Whether it serves as a classifier."""
        return callable(getattr(self.module, "logits", None))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, feature_size]``, float32."""
        return self._rows("features", images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class logits ``[n, classes]``, float32."""
        return self._rows("logits", images)

    def _rows(self, name: str, images: torch.Tensor) -> torch.Tensor:
        found = called(getattr(self.module, name), self.translation(images).clamp(0, 1), whose=self.build)
        if not isinstance(found, torch.Tensor) or found.ndim != 2 or len(found) != len(images):
            kind = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise error_in(self.build, f"{name} gives {kind} for {len(images)} images, expected a row for each")
        return found.float()


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Build the module once, and see what it gives for a blank image; leave ``built.json`` in the job's folder.

    Gives the size of the checkpoint. The provenance holds path and SHA-256 of both files, and the sizes of what the
    module gives.

    Raises:
        InputError: a file is not the one that was meant, the module lacks the classifier that the profile speaks of, or
            the user's file is at fault.
    """
    config = BuiltConfig.model_validate(settings)
    path = Path(config.file)
    require_digests(config)
    size = size_of(module_of(config.model, path), config.crop)
    if config.classifier != "none" and size.classes != config.classes:
        held = f"logits of {size.classes} classes" if size.classes else "no method logits"
        raise InputError(
            f"The method's key classifier is {config.classifier!r}, which needs logits of ImageNet's "
            f"{config.classes} classes, but what {config.model} builds has {held}: set it to none."
        )
    digest = sha256_of(path)
    built = Built(
        file=config.file,
        sha256=digest,
        model=config.model,
        model_sha256=config.model_sha256,
        features=size.features,
    )
    write_json(workspace.folder / BUILT_FILE, built.model_dump(mode="json"))
    bytes_of_file = path.stat().st_size
    workspace.provenance |= {
        "file": {"path": str(path), "sha256": digest, "bytes": bytes_of_file},
        "model": {"path": config.model, "sha256": config.model_sha256},
        **size._asdict(),
    }
    return {"size": {"value": bytes_of_file, "unit": "bytes", "n": 1}}


def built_in(folder: Path) -> BuiltModel | None:
    """The module that a job speaks of, in evaluation mode; None where the job has exported a model.

    Raises:
        InputError: a file is gone or no longer the one that the job has seen, or the user's file is at fault.
    """
    path = folder / BUILT_FILE
    if not path.exists():
        return None
    built = Built.model_validate_json(path.read_bytes())
    for file in (built.file, built.model.rpartition(":")[0]):
        if not Path(file).is_file():
            raise InputError(
                f"The file {file} is gone, by which {folder} says how to build the model: put it back, or remove that "
                "folder, and the same command builds it from where the file lies now."
            )
    require_digests(built)
    model = module_of(built.model, Path(built.file))
    model.feature_size = built.features
    return model


def builder_in(folder: Path) -> Callable[..., Any] | None:
    """The user's function that builds the module a job speaks of; None where the job has exported a model."""
    path = folder / BUILT_FILE
    return load(Built.model_validate_json(path.read_bytes()).model).value if path.exists() else None


def module_of(reference: str, path: Path) -> BuiltModel:
    """What a user's function builds from a checkpoint, in evaluation mode, on the CPU.

    Raises:
        InputError: the user's file is at fault, or gives no module with features.
    """
    build = load_function(reference, path)
    module = called(build, path)
    if not isinstance(module, nn.Module) or not callable(getattr(module, "features", None)):
        raise error_in(build, f"it gives a {type(module).__name__}, expected a torch.nn.Module with a method features")
    return BuiltModel(module, build).eval()


def size_of(model: BuiltModel, side: int) -> Size:
    """What a model gives for a blank image of so many pixels a side.

    Raises:
        InputError: the user's file is at fault.
    """
    blank = torch.zeros(1, 3, side, side)
    with torch.inference_mode():
        features = model.features(blank).shape[1]
        return Size(features, model(blank).shape[1] if model.has_logits else None)


def require_digests(built: Built | BuiltConfig) -> None:
    """Refuse files that are no longer what they were.

    Raises:
        InputError: a file cannot be read, or its content is another.
    """
    again = "give the same command again"
    if load(built.model).sha256 != built.model_sha256:
        raise InputError(f"The file of {built.model} has changed since its jobs were planned: {again}.")
    path = Path(built.file)
    if not path.is_file():
        raise InputError(f"The checkpoint {path} does not exist: put it back, or {again} with another one.")
    if built.sha256 is not None and sha256_of(path) != built.sha256:
        raise InputError(f"The checkpoint {path} is another file than the one that was planned with: {again}.")
