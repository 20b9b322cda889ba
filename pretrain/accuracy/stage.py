"""The accuracy stage: the pretrained classifier on a validation set."""

from collections.abc import Mapping
from typing import Any

from core.distributed import process_group
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.imagenet.reader import read_split
from data.sets.webvision.reader import read_validation
from pretrain.config import AccuracyConfig
from pretrain.evaluation import accuracy_on, pretrained_classifier


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Top-1 and top-5 accuracy in percent, each a sum over all images divided by their number."""
    constants = AccuracyConfig.model_validate(config)
    images = _read(constants, workspace)
    with process_group() as device:
        model = pretrained_classifier(workspace, device)
        metrics = accuracy_on(images, model, constants, workspace, device)
    workspace.provenance[constants.layout] = images.fingerprint()
    return metrics


def _read(constants: AccuracyConfig, workspace: Workspace) -> ImageTable:
    root = workspace.dataset(constants.folder)
    if constants.layout == "webvision":
        return read_validation(root, constants.classes, constants.part)
    return read_split(root, "val", constants.classes, constants.part)
