"""What every evaluation of a checkpoint shares: the model on a device, one pass over a data set, and accuracy."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from core.distributed import rank, sum_over_ranks, world_size
from core.errors import InputError
from core.parts import by_part
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


def fill_rows(
    rows: torch.Tensor,
    compute: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    images: ImageTable,
    name: str,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> None:
    """Fill a tensor of zeros with what ``compute`` gives for every image in centre-crop view; on every rank, with all.

    It is computed by part (:mod:`core.parts`), of which the batches are the items.

    Args:
        rows: ``[n, ...]`` zeros on the device, a row for each image.
        compute: from normalised images ``[m, 3, height, width]`` and their labels ``[m]``, both on the device, to
            ``[m, ...]``.
        images: the data set; over all ranks, each comes once.
        name: what is computed; within a job, other things of the same images need other names.
        config: how the images are shown.
        workspace: receives progress and parts.
        device: where to compute.

    Raises:
        InputError: what is computed of an image is not finite.
        Interrupted: a process of the job was asked to stop.
    """
    sampler = EvaluationBatches(len(images), config.batch_size, rank=rank(), world_size=world_size())
    loader = batches(ViewedImages(images, [centre_view(config.view)]), sampler, config.workers)

    @torch.inference_mode()
    def of_batches(numbers: Sequence[int]) -> Iterator[dict[str, torch.Tensor]]:
        sampler.numbers = numbers
        for (view,), labels, indices in loader:
            seen = normalise(view.to(device, non_blocking=True))
            # A copy, as memory that is shared with a loading process is an open file each.
            yield {"image": indices.clone(), "row": compute(seen, labels.to(device)).to(rows.dtype)}

    shown = {"images": images.fingerprint(), "view": config.view.model_dump(mode="json"), "batch": config.batch_size}
    visits = torch.zeros(len(images), dtype=torch.int, device=device)
    for batch in by_part(name, of_batches, len(sampler), shown, workspace, "batches"):
        indices = torch.from_numpy(batch["image"]).to(device)
        rows[indices] = torch.from_numpy(batch["row"]).to(device)
        visits[indices] += 1
    sum_over_ranks(rows)
    assert (sum_over_ranks(visits) == 1).all(), "an image was skipped or seen twice"
    _require_finite(int((~rows.flatten(1).isfinite()).any(dim=1).sum()), images, workspace)


def answers_on(
    images: ImageTable,
    model: Callable[[torch.Tensor], torch.Tensor],
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """The first five classes that a model names for every image, as :func:`metrics.top_k.columns` has them.

    Args:
        images: each counts once, over all ranks; within a job, one model answers on them.
        model: from images to class logits; in evaluation mode.
        config: how the images are shown.
        workspace: receives progress and parts.
        device: where to compute.

    Raises:
        InputError: an output of the model is not finite.
        Interrupted: a process of the job was asked to stop.
    """

    def answers(view: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        logits = model(view)
        classes = logits.topk(min(top_k.TOP, logits.shape[1]), dim=1).indices
        scores = logits.float().softmax(dim=1).gather(1, classes)
        absent = (0, top_k.TOP - classes.shape[1])
        named = torch.cat([F.pad(classes, absent, value=-1).double(), F.pad(scores, absent).double()], dim=1)
        return named.where(logits.isfinite().all(dim=1, keepdim=True), torch.nan)  # also where five scores are finite

    rows = torch.zeros(len(images), 2 * top_k.TOP, dtype=torch.double, device=device)  # which holds classes exactly
    fill_rows(rows, answers, images, "answers", config, workspace, device)
    found = rows.cpu().numpy()
    named = found[:, : top_k.TOP].astype(np.int64)
    there = (named >= 0).all(axis=0)
    scores_named = found[:, top_k.TOP :].astype(np.float32)
    return top_k.columns(names_of(images), images.labels, named[:, there], scores_named[:, there])


def names_of(images: ImageTable) -> np.ndarray:
    """The paths of the images as a column of an output, ``[n]`` bytes."""
    return np.array(images.paths.tolist(), dtype=bytes)


def _require_finite(broken: int, images: ImageTable, workspace: Workspace) -> None:
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
