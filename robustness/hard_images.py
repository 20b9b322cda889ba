"""The stage that makes the miniature's ImageNet-A: clean, unmodified images that a reference model gets wrong.

The real data set was made so, with torchvision's ResNet-50 as the reference. Here it is a small network that is trained
on the miniature's clean images for this purpose and never evaluated.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.distributed import process_group, rank, wait_for_all
from core.errors import InputError
from core.files import sha256_of
from core.workspace import Workspace
from data.images import ImageTable
from data.loading import ViewedImages, permutations
from data.sets.imagenet.reader import read_split
from data.sets.imagenet_variants.reader import read_variant
from data.views import weak_view
from pretrain.backbone import Classifier, compile_networks
from pretrain.checkpoints import exported, load_classifier
from pretrain.cross_entropy import CrossEntropy
from pretrain.loop import train
from pretrain.sources import Images
from pretrain.tensor_files import save_tensors
from robustness.config import HardImagesConfig
from robustness.evaluation import predict

HARD_IMAGES = "imagenet-a"
REFERENCE_FILE = "reference.pt"


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Train the reference model; copy what it gets wrong to ``imagenet-a/<synset>/`` in the job's folder.

    Gives how many images of the pool are hard (``n`` is the pool's size). A class without hard images has no folder.

    Raises:
        InputError: the data cannot be read or are too few for a batch, or no image of the pool is hard.
    """
    config = HardImagesConfig.model_validate(settings)
    imagenet = workspace.dataset(config.imagenet)
    pool, present = read_variant(workspace.dataset(config.pool), None, imagenet, config.classes)
    with process_group() as device:
        model = _reference_model(config, read_split(imagenet, "train", config.classes), workspace, device)
        named, _ = predict(model, pool, present, config, workspace, device)
        hard = pool.subset(np.flatnonzero(named[:, 0] != pool.labels))
        if rank() == 0:
            _copy(hard, workspace.folder / HARD_IMAGES)
        wait_for_all()
    if not len(hard):
        raise InputError(
            f"The reference model gets all {len(pool)} images in {pool.root} right, so none is hard: "
            "lower hard_images.schedule.epochs, or enlarge the pool."
        )
    workspace.provenance["pool"] = pool.fingerprint()
    workspace.provenance["hard"] = hard.fingerprint()
    workspace.provenance["reference_sha256"] = sha256_of(workspace.folder / REFERENCE_FILE)
    return {"hard_images": {"value": len(hard), "unit": "images", "n": len(pool)}}


def _reference_model(
    config: HardImagesConfig, images: ImageTable, workspace: Workspace, device: torch.device
) -> Classifier:
    """Train with cross-entropy; every rank gets rank 0's model, in evaluation mode."""
    torch.manual_seed(config.seed)
    method = CrossEntropy(Classifier(config.backbone, config.classes, config.arithmetic.precision))
    dataset = ViewedImages(images, [weak_view(config.views)], config.seed)
    order = permutations(len(dataset), config.seed)
    train(method, Images(dataset, config, device), order, config, workspace, device)
    path = workspace.folder / REFERENCE_FILE
    if rank() == 0:
        save_tensors(path, exported(method))
    wait_for_all()
    model = load_classifier(path)
    compile_networks(model, workspace)
    return model.to(device)


def _copy(images: ImageTable, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
    for row, path in enumerate(images.paths):
        target = folder / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(images.content(row))
