"""The accuracy stage: the pretrained classifier on a validation set."""

from collections.abc import Mapping
from typing import Any

from core.distributed import process_group
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.imagenet.reader import read_split
from data.sets.webvision.reader import read_validation
from metrics.measures import keep_and_measure
from pretrain.config import AccuracyConfig
from pretrain.evaluation import answers_on, pretrained_classifier


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Top-1 and top-5 accuracy in percent, each a sum over all images divided by their number."""
    config = AccuracyConfig.model_validate(settings)
    images = _read(config, workspace)
    with process_group() as device:
        model = pretrained_classifier(workspace, device)
        answers = answers_on(images, model, config, workspace, device)
    workspace.provenance[config.layout] = images.fingerprint()
    return keep_and_measure(workspace, "images", "top-k", answers)


def _read(config: AccuracyConfig, workspace: Workspace) -> ImageTable:
    root = workspace.dataset(config.folder)
    if config.layout == "webvision":
        return read_validation(root, config.classes, config.part)
    return read_split(root, "val", config.classes, config.part)
