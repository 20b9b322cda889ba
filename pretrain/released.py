"""The released stage: somebody else's checkpoint, recognised, checked and exported in our own layout.

Whatever evaluates our checkpoints then evaluates it too. The file is read without executing pickled code.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.distributed import process_group, rank, wait_for_all
from core.errors import InputError
from core.files import sha256_of
from core.workspace import MODEL_FILE, Workspace
from pretrain.backbone import Classifier
from pretrain.checkpoints import architecture_tensors, convention_tensors
from pretrain.config import BackboneConfig, ReleasedConfig
from pretrain.conventions import OURS
from pretrain.layouts import COUNTERS, recognise, tensors_of
from pretrain.tensor_files import read_tensors, require_sound, save_tensors

IMAGENET_CLASSES = 1000
REMEDY = "download it again, or correct its path"


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Export ``model.pt`` into the job's folder: the trunk, the classifier if the file has one, how it takes images.

    Gives the file's size. The provenance holds its path and SHA-256, its layout, who releases files of that layout, how
    the trunk takes images, and the model's digest.

    Raises:
        InputError: the file cannot be read, is not the one that the profile means, has no layout or several, or lacks
            the classifier that the profile speaks of.
    """
    constants = ReleasedConfig.model_validate(config)
    path, model_file = Path(constants.file), workspace.folder / MODEL_FILE
    extract = f"`python -m pretrain.extract_tensors {shlex.quote(str(path))} NEW_FILE` writes its tensors alone"
    content, written = read_tensors(path, REMEDY, f"{extract}, without running its code: name that file")
    digest = sha256_of(path)
    if constants.sha256 not in (None, digest):
        raise InputError(
            f"The file {path} has the SHA-256 {digest}, expected {constants.sha256}: download it again, or change the "
            "method's key sha256."
        )
    trunk = trunk_of(constants.backbone)
    shapes = {name: tuple(tensor.shape) for name, tensor in trunk.items()}
    layout = recognise(content, shapes, path, constants.layout)
    tensors = tensors_of(layout, content, shapes)
    _check_kinds(tensors, path)
    require_sound(tensors.items(), path, REMEDY)
    if not written.has_sums and constants.sha256 is None:
        print(f"note: {path} has no sums inside; the method's key sha256 would tell a damaged copy from a whole one.")
    _check_classifier(tensors, constants, path, layout.name)
    with process_group():
        if rank() == 0:
            counters = {name: torch.tensor(0) for name in trunk if name.endswith(COUNTERS)}
            own = {name: tensor.detach().contiguous().clone() for name, tensor in (counters | tensors).items()}
            own |= architecture_tensors(constants.backbone)
            save_tensors(model_file, own | ({} if layout.convention == OURS else convention_tensors(layout.convention)))
        wait_for_all()
    size = path.stat().st_size
    workspace.provenance |= {
        "file": {"path": str(path), "sha256": digest, "bytes": size, "has_sums": written.has_sums},
        "layout": {"name": layout.name, "releases": layout.releases, "source": layout.source},
        "convention": layout.convention._asdict(),
        "classes": len(tensors["fc.bias"]) if "fc.bias" in tensors else None,
        "model_sha256": sha256_of(model_file),
    }
    return {"size": {"value": size, "unit": "bytes", "n": 1}}


def trunk_of(backbone: BackboneConfig) -> dict[str, torch.Tensor]:
    """The trunk's tensors by torchvision's names, without storage."""
    with torch.device("meta"):
        return dict(Classifier(backbone, IMAGENET_CLASSES).trunk.state_dict())


def _check_kinds(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse weights in whole numbers, such as a quantised network's, which would have to be scaled."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() == name.endswith(COUNTERS):
            raise InputError(
                f"The checkpoint {path} holds {name} as {tensor.dtype}, expected "
                f"{'whole' if name.endswith(COUNTERS) else 'floating-point'} numbers: name one that is not quantised."
            )


def _check_classifier(tensors: Mapping[str, Any], constants: ReleasedConfig, path: Path, layout: str) -> None:
    found = len(tensors["fc.bias"]) if "fc.bias" in tensors else 0
    if constants.classifier != "none" and found != IMAGENET_CLASSES:
        held = f"has one of {found} classes" if found else "has none that can be used"
        raise InputError(
            f"The method's key classifier is {constants.classifier!r}, which needs a classifier of ImageNet's "
            f"{IMAGENET_CLASSES} classes, but {path} (layout {layout}) {held}: set it to none."
        )
