"""What every evaluation of a checkpoint shares: the model on a device, and one pass over a data set."""

from collections.abc import Iterator

import torch

from core.distributed import rank, world_size
from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.loading import EvaluationBatches, ViewedImages, batches
from data.views import centre_view, normalise
from pretrain.backbone import Classifier
from pretrain.checkpoints import load_classifier, load_trunk
from pretrain.config import EvaluationConfig


def pretrained_classifier(workspace: Workspace, device: torch.device) -> Classifier:
    """The model that the job's ``checkpoint`` input exported, on the device, in evaluation mode."""
    return load_classifier(workspace.inputs["checkpoint"] / MODEL_FILE).to(device)


def pretrained_trunk(workspace: Workspace, device: torch.device) -> Classifier:
    """The same for features alone: the model may have no classifier, and what it is given here means nothing."""
    return load_trunk(workspace.inputs["checkpoint"] / MODEL_FILE, classes=1).to(device).eval()


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
        raise InputError(
            f"The model of {checkpoint} gives {broken} of {len(images)} images in {images.root} outputs that are not "
            "finite, so that its figures mean nothing: name another one, or train it with a lower learning rate."
        )
