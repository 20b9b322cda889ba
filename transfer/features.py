"""Frozen features of a data set: one pass, kept in the job's folder."""

import numpy as np
import torch

from core.distributed import rank, sum_over_ranks, wait_for_all
from core.files import written_atomically
from core.workspace import Workspace
from data.images import ImageTable
from pretrain.backbone import Classifier
from pretrain.evaluation import EvaluationConfig, centred_images


def pooled_features(
    model: Classifier,
    images: ImageTable,
    name: str,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> np.ndarray:
    """Pooled features ``[n, feature_size]``, float32, row i for image i.

    A later call by the same job reads what an earlier one wrote to ``features-<name>.npy``.
    """
    path = workspace.folder / f"features-{name}.npy"
    if not path.exists():
        features = torch.zeros(len(images), model.feature_size, device=device)
        visits = torch.zeros(len(images), dtype=torch.int, device=device)
        with torch.inference_mode():
            for view, _, indices in centred_images(images, config, workspace, device):
                features[indices] = model.features(view)
                visits[indices] += 1
        sum_over_ranks(features)
        assert (sum_over_ranks(visits) == 1).all(), "an image was skipped or seen twice"
        if rank() == 0:
            with written_atomically(path) as file:
                np.save(file, features.cpu().numpy())
        wait_for_all()
    return np.load(path)


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Each row divided by its Euclidean norm plus 1e-5 (low-shot protocol)."""
    return features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-5)
