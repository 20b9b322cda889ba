"""What every evaluation of a checkpoint shares: the model on a device, one pass over a data set, and accuracy."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from core.distributed import rank, sum_over_ranks, world_size
from core.errors import InputError
from core.user_code import error_in
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.loading import EvaluationBatches, ViewedImages, batches
from data.views import centre_view, normalise
from pretrain.backbone import Classifier
from pretrain.built import BuiltModel, builder_in, built_in
from pretrain.checkpoints import load_classifier, load_trunk
from pretrain.config import EvaluationConfig


def pretrained_classifier(workspace: Workspace, device: torch.device) -> Classifier | BuiltModel:
    """The model of the job's ``checkpoint`` input, on the device, in evaluation mode: images to class logits."""
    folder = workspace.inputs["checkpoint"]
    return (built_in(folder) or load_classifier(folder / MODEL_FILE)).to(device)


def pretrained_trunk(workspace: Workspace, device: torch.device) -> Classifier | BuiltModel:
    """The same for features alone: the model may have no classifier, and what it is given here means nothing."""
    folder = workspace.inputs["checkpoint"]
    return (built_in(folder) or load_trunk(folder / MODEL_FILE, classes=1)).to(device).eval()


def centred_images(
    images: ImageTable, config: EvaluationConfig, workspace: Workspace, device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """This rank's share of a data set in centre-crop view: normalised images, labels, indices, batch by batch.

    Over all ranks every image comes exactly once.
    """
    sampler = EvaluationBatches(len(images), config.batch_size, rank=rank(), world_size=world_size())
    loader = batches(ViewedImages(images, [centre_view(config.view)]), sampler, config.workers)
    for done, ((view,), labels, indices) in enumerate(loader, start=1):
        yield normalise(view.to(device, non_blocking=True)), labels, indices
        workspace.progress(done, len(sampler), "batches")


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


def require_finite_outputs(broken: int, images: ImageTable, workspace: Workspace) -> None:
    """Refuse a model whose numbers are finite, but too large to compute with.

    Args:
        broken: how many images it gave an output that is not finite; the same on every rank.
        images: the data set.
        workspace: names the checkpoint.

    Raises:
        InputError: there is one.
    """
    if broken:
        checkpoint = workspace.inputs.get("checkpoint", workspace.folder)
        found = f"gives {broken} of {len(images)} images in {images.root} outputs that are not finite"
        if build := builder_in(checkpoint):
            raise error_in(build, f"what it builds {found}")
        raise InputError(
            f"The model of {checkpoint} {found}, so that its figures mean nothing: name another one, or train it with "
            "a lower learning rate."
        )
