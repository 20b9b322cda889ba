"""The released stage: somebody else's checkpoint, recognised, checked and exported in our own layout.

Whatever evaluates our checkpoints then evaluates it too. The file is read without executing pickled code.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from core.distributed import process_group, rank, wait_for_all
from core.errors import InputError
from core.files import sha256_of
from core.workspace import MODEL_FILE, Workspace
from pretrain.architectures import trunk_in, trunk_of
from pretrain.checkpoints import architecture_tensors, convention_in, convention_tensors
from pretrain.config import BackboneConfig, ReleasedFile
from pretrain.conventions import OURS, Convention
from pretrain.layouts import COUNTERS, Layout, Trunk, convention_tensors_of, recognise, tensors_of
from pretrain.tensor_files import Format, read_tensors, require_sound, save_tensors

REMEDY = "download it again, or correct its path"


class Release(NamedTuple):
    """What a file holds.

    Attributes:
        tensors: of trunk and classifier, by torchvision's names.
        trunk: which ResNet it is.
        layout: how the file names them.
        convention: how the trunk takes images.
        format: how the file is written.
    """

    tensors: dict[str, torch.Tensor]
    trunk: Trunk
    layout: Layout
    convention: Convention
    format: Format

    @property
    def classes(self) -> int | None:
        """Of the classifier; None where there is none that can be used."""
        return len(self.tensors["fc.bias"]) if "fc.bias" in self.tensors else None


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Export ``model.pt`` into the job's folder: the trunk, the classifier if the file has one, how it takes images.

    Gives the file's size. The provenance holds its path and SHA-256, its layout, who releases files of that layout, the
    ResNet that it is, how the trunk takes images, and the model's digest.

    Raises:
        InputError: the file cannot be read, is not the one that the profile means, has no layout or several, or lacks
            the classifier that the profile speaks of.
    """
    config = ReleasedFile.model_validate(settings)
    path, model_file = Path(config.file), workspace.folder / MODEL_FILE
    release = opened(path, config.layout, config.backbone)
    digest = sha256_of(path)
    if config.sha256 not in (None, digest):
        raise InputError(
            f"The file {path} has the SHA-256 {digest}, expected {config.sha256}: download it again, or change the "
            "method's key sha256."
        )
    if not release.format.has_sums and config.sha256 is None:
        print(f"note: {path} has no sums inside; the method's key sha256 would tell a damaged copy from a whole one.")
    _require_classifier(release, config)
    with process_group():
        if rank() == 0:
            save_tensors(model_file, _exported(release))
        wait_for_all()
    size = path.stat().st_size
    workspace.provenance |= {
        "file": {"path": str(path), "sha256": digest, "bytes": size, "has_sums": release.format.has_sums},
        "layout": {name: getattr(release.layout, name) for name in ("name", "releases", "source")},
        "backbone": release.trunk.backbone.model_dump(mode="json"),
        "convention": release.convention._asdict(),
        "classes": release.classes,
        "model_sha256": sha256_of(model_file),
    }
    return {"size": {"value": size, "unit": "bytes", "n": 1}}


def opened(path: Path, layout_name: str | None = None, backbone: BackboneConfig | None = None) -> Release:
    """Read a file; its names and shapes say which ResNet it is, and in which layout.

    Args:
        path: of the file.
        layout_name: of the only layout to be considered; None for all.
        backbone: the only ResNet to be considered; None for all.

    Raises:
        InputError: it cannot be read, or has no layout or several.
    """
    extract = f"`python -m pretrain.extract_tensors {shlex.quote(str(path))} NEW_FILE` writes its tensors alone"
    content, written = read_tensors(path, REMEDY, f"{extract}, without running its code: name that file")
    required = trunk_of(backbone) if backbone else None
    layout, trunk = recognise(content, lambda shapes: required or trunk_in(shapes), path, layout_name)
    tensors = tensors_of(layout, content, trunk)
    _require_kinds(tensors, path)
    said = convention_tensors_of(layout, content)
    require_sound((tensors | said).items(), path, REMEDY)
    convention = convention_in(said, path) if said else layout.convention
    return Release(tensors, trunk, layout, convention, written)


def _exported(release: Release) -> dict[str, torch.Tensor]:
    counters = {name: torch.tensor(0) for name in release.trunk.shapes if name.endswith(COUNTERS)}
    own = {name: tensor.detach().contiguous().clone() for name, tensor in (counters | release.tensors).items()}
    own |= architecture_tensors(release.trunk.backbone)
    return own if release.convention == OURS else own | convention_tensors(release.convention)


def _require_kinds(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse weights in whole numbers, such as a quantised network's, which would have to be scaled."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() == name.endswith(COUNTERS):
            raise InputError(
                f"The checkpoint {path} holds {name} as {tensor.dtype}, expected "
                f"{'whole' if name.endswith(COUNTERS) else 'floating-point'} numbers: name one that is not quantised."
            )


def _require_classifier(release: Release, config: ReleasedFile) -> None:
    if config.classifier != "none" and release.classes != config.classes:
        held = f"has one of {release.classes} classes" if release.classes else "has none that can be used"
        raise InputError(
            f"The method's key classifier is {config.classifier!r}, which needs a classifier of ImageNet's "
            f"{config.classes} classes, but {config.file} (layout {release.layout.name}) {held}: set it to none."
        )
