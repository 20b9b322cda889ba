"""What every evaluation of a checkpoint shares: the model on a device, one pass over a data set, and accuracy."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn import functional as F

from core.distributed import rank, sum_over_ranks, world_size
from core.errors import InputError
from core.user_code import error_in
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.loading import EvaluationBatches, ViewedImages, batches
from data.views import centre_view, normalise
from metrics import top_k
from pretrain.backbone import Classifier, compile_networks
from pretrain.built import BuiltModel, builder_in, built_in
from pretrain.checkpoints import load_classifier, load_trunk
from pretrain.config import EvaluationConfig

Model = Classifier | BuiltModel


def pretrained_classifier(workspace: Workspace, device: torch.device) -> Model:
    """The model of the job's ``checkpoint`` input, on the device, in evaluation mode: images to class logits."""
    folder = workspace.inputs["checkpoint"]
    return _prepared(built_in(folder) or load_classifier(folder / MODEL_FILE), workspace, device)


def pretrained_trunk(workspace: Workspace, device: torch.device) -> Model:
    """The same for features alone: the model may have no classifier, and what it is given here means nothing."""
    folder = workspace.inputs["checkpoint"]
    return _prepared(built_in(folder) or load_trunk(folder / MODEL_FILE, classes=1), workspace, device).eval()


def _prepared(model: Model, workspace: Workspace, device: torch.device) -> Model:
    compile_networks(model, workspace)
    return model.to(device)


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


def answers_on(
    images: ImageTable,
    model: Callable[[torch.Tensor], torch.Tensor],
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """The first five classes that a model names for every image, as :func:`metrics.top_k.columns` has them.

    Args:
        images: each counts once, over all ranks.
        model: from images to class logits; in evaluation mode.
        config: how the images are shown.
        workspace: receives the progress.
        device: where to compute.
    """
    width = 2 * top_k.TOP  # classes and scores, before whether an output is broken, and visits
    answers = torch.zeros(len(images), width + 2, dtype=torch.double, device=device)  # which holds classes exactly
    with torch.inference_mode():
        for view, _, indices in centred_images(images, config, workspace, device):
            logits = model(view)
            classes = logits.topk(min(top_k.TOP, logits.shape[1]), dim=1).indices
            scores = logits.float().softmax(dim=1).gather(1, classes)
            absent = (0, top_k.TOP - classes.shape[1])
            broken = ~logits.isfinite().all(dim=1, keepdim=True)
            columns = (F.pad(classes, absent, value=-1), F.pad(scores, absent), broken, torch.ones_like(broken))
            answers[indices] = torch.cat([column.double() for column in columns], dim=1)
    found = sum_over_ranks(answers).cpu().numpy()
    require_finite_outputs(int(found[:, width].sum()), images, workspace)
    assert (found[:, -1] == 1).all(), "an image was skipped or seen twice"
    named = found[:, : top_k.TOP].astype(np.int64)
    there = (named >= 0).all(axis=0)
    scores_named = found[:, top_k.TOP : width].astype(np.float32)
    return top_k.columns(names_of(images), images.labels, named[:, there], scores_named[:, there])


def names_of(images: ImageTable) -> np.ndarray:
    """The paths of the images as a column of an output, ``[n]`` bytes."""
    return np.array(images.paths.tolist(), dtype=bytes)


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
