"""The accuracy stage: the pretrained classifier on a validation set."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from core.distributed import process_group, sum_over_ranks
from core.workspace import Workspace
from data import imagenet, webvision
from data.images import ImageTable
from pretrain.config import AccuracyConfig, EvaluationConfig
from pretrain.evaluation import centred_images, pretrained_classifier, require_finite_outputs


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Top-1 and top-5 accuracy in percent, each a sum over all images divided by their number."""
    constants = AccuracyConfig.model_validate(config)
    images = _read(constants, workspace)
    with process_group() as device:
        model = pretrained_classifier(workspace, device)
        metrics = accuracy_on(images, model, constants, workspace, device)
    workspace.provenance[constants.layout] = images.fingerprint()
    return metrics


def accuracy_on(
    images: ImageTable,
    model: Callable[[torch.Tensor], torch.Tensor],
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    """Metrics ``top1`` and ``top5`` of what gives class logits for images; each counts once, over all ranks.

    A model must be in evaluation mode.
    """
    counts = torch.zeros(4, dtype=torch.long, device=device)  # right at first, right among five, seen, broken
    with torch.inference_mode():
        for view, labels, _ in centred_images(images, config, workspace, device):
            counts += count_correct(model(view), labels.to(device))
    top1, top5, seen, broken = sum_over_ranks(counts).tolist()
    require_finite_outputs(broken, images, workspace)
    assert seen == len(images), f"{seen} of {len(images)} images were evaluated"
    return {
        "top1": {"value": 100 * top1 / seen, "unit": "%", "n": seen},
        "top5": {"value": 100 * top5 / seen, "unit": "%", "n": seen},
    }


def count_correct(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """``[4]`` counts of a batch: label ranked first, label among the first five, samples, those with broken logits.

    Args:
        logits: ``[n, classes]``.
        labels: ``[n]``.
    """
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    right = best == labels.unsqueeze(1)
    broken = ~logits.isfinite().all(dim=1)
    return torch.stack([right[:, 0].sum(), right.sum(), torch.tensor(len(labels), device=labels.device), broken.sum()])


def _read(constants: AccuracyConfig, workspace: Workspace) -> ImageTable:
    root = workspace.dataset(constants.folder)
    if constants.layout == "webvision":
        return webvision.read_validation(root, constants.classes)
    return imagenet.read_split(root, "val", constants.classes)
