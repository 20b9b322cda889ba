"""The re-training stage: a new linear classifier on the frozen trunk, from the labels that cleaning kept.

Classes are balanced as the authors balance them: there are floor(10 sqrt(f_max / f)) copies of every image of a class
with f images, f_max being that of the largest class, and an epoch is a draw, without replacement, of as many copies as
there are images. Unlike theirs, the draw depends on seed and epoch alone, so that all processes share one.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from core.distributed import process_group, rank, wait_for_all
from core.files import sha256_of
from core.seeds import generator
from core.workspace import MODEL_FILE, Workspace
from data.config import EvaluationView
from data.images import ImageTable
from data.loading import Order, ViewedImages
from data.sets.webvision.reader import read_listed
from data.views import weak_view
from pretrain.backbone import Classifier, compile_networks, place
from pretrain.checkpoints import exported, load_classifier
from pretrain.config import EvaluationConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.features import pooled_features
from pretrain.loop import train
from pretrain.methods.mopro.cleaning import PSEUDO_LABELS_FILE
from pretrain.methods.mopro.config import RetrainingConfig
from pretrain.sources import CachedFeatures, Images, Source, StreamedFeatures
from pretrain.tensor_files import save_tensors

COPIES = 10  # of an image of the largest class
INITIAL_DEVIATION = 0.01  # of the weights, as the authors have it


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Re-train, and export ``model.pt`` with the checkpoint's trunk and the new classifier into the job's folder.

    Gives the number of steps. The provenance holds the digests of the pseudo-labels and of the model.

    Raises:
        InputError: data, checkpoint or pseudo-labels cannot be read, or don't make whole batches for all processes.
    """
    config = RetrainingConfig.model_validate(settings)
    listed = workspace.inputs["cleaning"] / PSEUDO_LABELS_FILE
    images = read_listed(workspace.dataset(config.webvision), listed, config.classes)
    model_file = workspace.folder / MODEL_FILE
    with process_group() as device:
        checkpoint = workspace.inputs["checkpoint"] / MODEL_FILE
        model = load_classifier(checkpoint, config.arithmetic.precision)
        place(model, config.arithmetic, device)
        compile_networks(model, workspace)
        source = frozen_features(model, images, config, workspace, device)
        model.classifier = new_classifier(model.feature_size, config.classes, config.seed)
        order = balanced_draws(images.labels, config.seed)
        steps = train(CrossEntropy(model.classifier), source, order, config, workspace, device)
        if rank() == 0:
            save_tensors(model_file, exported(CrossEntropy(model)))
        wait_for_all()
    workspace.provenance["pseudo_labels_sha256"] = sha256_of(listed)
    workspace.provenance["model_sha256"] = sha256_of(model_file)
    return {"steps": {"value": steps, "unit": "steps", "n": 1}}


def new_classifier(features: int, classes: int, seed: int) -> nn.Linear:
    """A linear classifier whose weights were drawn for the seed."""
    classifier = nn.Linear(features, classes)
    weights = generator(seed, "classifier").normal(0, INITIAL_DEVIATION, (classes, features))
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(weights))
        classifier.bias.zero_()
    return classifier


def copies_of_classes(labels: np.ndarray) -> np.ndarray:
    """``[largest label + 1]``: how many copies there are of an image of each class; 0 for a class without images."""
    frequencies = np.bincount(labels).tolist()
    largest = max(frequencies)
    # floor(10 sqrt(f_max / f)) in whole numbers, so that no rounding error can take a copy away
    return np.array([math.isqrt(COPIES**2 * largest // f) if f else 0 for f in frequencies])


def balanced_draws(labels: np.ndarray, seed: int) -> Order:
    """In each epoch ``[n, 2]``: the images of n different copies, and which of its image's copies each is.

    The number of the copy takes part in the augmentation, so that two copies in one epoch are cropped differently.
    """
    copies = copies_of_classes(labels)[labels]
    ends = copies.cumsum()

    def order(epoch: int) -> np.ndarray:
        drawn = generator(seed, "copies", epoch).choice(ends[-1], len(labels), replace=False)
        images = ends.searchsorted(drawn, side="right")
        return np.stack([images, drawn - (ends - copies)[images]], axis=1)

    return order


def frozen_features(
    model: Classifier, images: ImageTable, config: RetrainingConfig, workspace: Workspace, device: torch.device
) -> Source:
    """Features of the images: computed once where the view never changes, else anew for every view."""
    if isinstance(config.view, EvaluationView):
        shown = EvaluationConfig(
            view=config.view,
            batch_size=config.schedule.batch_size,
            workers=config.runtime.workers,
        )
        features = pooled_features(model, images, "train", shown, workspace, device)
        return CachedFeatures(
            torch.from_numpy(features).to(device), torch.from_numpy(images.labels).to(device), images.source
        )
    dataset = ViewedImages(images, [weak_view(config.view)], config.seed)
    return StreamedFeatures(Images(dataset, config, device), model)
