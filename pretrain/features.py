"""What a model says of every image of a data set: one pass, row i for image i."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core.distributed import on_any_rank, rank, sum_over_ranks, wait_for_all
from core.workspace import Workspace
from data.images import ImageTable
from pretrain.backbone import Classifier
from pretrain.built import BuiltModel
from pretrain.config import EvaluationConfig
from pretrain.evaluation import centred_images, require_finite_outputs
from pretrain.tensor_files import DamagedFileError, load_tensors, save_tensors


def pooled_features(
    model: Classifier | BuiltModel,
    images: ImageTable,
    name: str,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> np.ndarray:
    """Pooled features ``[n, feature_size]``, float32, row i for image i.

    A later call by the same job reads what an earlier one wrote to ``features-<name>.pt``, if that is whole.
    """
    path = workspace.folder / f"features-{name}.pt"
    shape = len(images), model.feature_size
    written = _written(path, shape)
    if not on_any_rank(written is None):
        assert written is not None
        return written.numpy()
    features = torch.zeros(shape, device=device)
    fill_rows(features, lambda view, _: model.features(view), images, config, workspace, device)
    if rank() == 0:
        save_tensors(path, features.cpu())
    wait_for_all()
    return features.cpu().numpy()


def _written(path: Path, shape: tuple[int, int]) -> torch.Tensor | None:
    if not path.exists():
        return None
    try:
        features = load_tensors(path, "the features are computed anew")
    except DamagedFileError as error:
        print(f"warning: {error.sentence}")
        return None
    return features if isinstance(features, torch.Tensor) and features.shape == shape else None


def fill_rows(
    rows: torch.Tensor,
    compute: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    images: ImageTable,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> None:
    """Fill a tensor of zeros with what ``compute`` gives for every image in centre-crop view; on every rank, with all.

    Args:
        rows: ``[n, ...]`` zeros on the device, a row for each image.
        compute: from normalised images ``[m, 3, height, width]`` and their labels ``[m]``, both on the device, to
            ``[m, ...]``.
        images: the data set.
        config: how the images are shown.
        workspace: receives progress.
        device: where to compute.
    """
    visits = torch.zeros(len(images), dtype=torch.int, device=device)
    with torch.inference_mode():
        for view, labels, indices in centred_images(images, config, workspace, device):
            rows[indices] = compute(view, labels.to(device))
            visits[indices] += 1
    sum_over_ranks(rows)
    assert (sum_over_ranks(visits) == 1).all(), "an image was skipped or seen twice"
    require_finite_outputs(int((~rows.flatten(1).isfinite()).any(dim=1).sum()), images, workspace)
