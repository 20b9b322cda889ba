"""Frozen features: what a model's trunk makes of every image of a data set."""

import numpy as np
import torch

from core.workspace import Workspace
from data.images import ImageTable
from pretrain.backbone import Classifier
from pretrain.built import BuiltModel
from pretrain.config import EvaluationConfig
from pretrain.evaluation import fill_rows


def pooled_features(
    model: Classifier | BuiltModel,
    images: ImageTable,
    name: str,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> np.ndarray:
    """Pooled features ``[n, feature_size]``, float32, row i for image i; computed as :func:`fill_rows` does."""
    features = torch.zeros(len(images), model.feature_size, device=device)
    fill_rows(features, lambda view, _: model.features(view), images, name, config, workspace, device)
    return features.cpu().numpy()
