"""The robustness stage: the pretrained classifier on a data set of some of ImageNet's classes, without training."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from core.distributed import process_group
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.imagenet_variants.reader import read_published, read_variant
from metrics import calibration, top_k
from metrics.measures import keep_and_measure
from pretrain.config import EvaluationConfig
from pretrain.evaluation import fill_rows, names_of, pretrained_classifier
from robustness.config import RobustnessConfig


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Accuracy and calibration error in percent, among the classes that the data set has.

    The calibration error is given over all bins, and as the data sets' authors compute it (last bin left out), where
    there are enough images for two bins. The provenance holds the data set's fingerprint and the reliability diagram.

    Raises:
        InputError: the data set or the checkpoint cannot be read.
    """
    config = RobustnessConfig.model_validate(settings)
    images, present = _images(config, workspace)
    with process_group() as device:
        model = pretrained_classifier(workspace, device)
        classes, scores = predict(model, images, present, config, workspace, device)
    answers = top_k.columns(names_of(images), images.labels, classes, scores) | {"bin_size": np.array(config.bin_size)}
    metrics = keep_and_measure(workspace, "images", "calibration", answers)
    if "calibration_error_without_last_bin" not in metrics:
        print("calibration_error_without_last_bin is not given: there are too few images for two bins.")
    workspace.provenance["images"] = images.fingerprint() | {"present_classes": len(present)}
    diagram = calibration.reliability(answers)._asdict()
    workspace.provenance["reliability"] = {name: column.tolist() for name, column in diagram.items()}
    return metrics


def _images(config: RobustnessConfig, workspace: Workspace) -> tuple[ImageTable, np.ndarray]:
    folder = workspace.dataset(config.folder, config.role)
    if isinstance(config.classes, str):
        return read_published(folder, config.classes)
    assert config.imagenet is not None, "synsets that were not published are those of a folder"
    imagenet = workspace.dataset(config.imagenet)
    return read_variant(folder, config.classes, imagenet, config.imagenet_classes)


def predict(
    model: Callable[[torch.Tensor], torch.Tensor],
    images: ImageTable,
    present: np.ndarray,
    config: EvaluationConfig,
    workspace: Workspace,
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray]:
    """The first five of some classes that the model names for every image, and their scores, ``[n, 5]`` on every rank.

    Args:
        model: from images to class logits; in evaluation mode.
        images: ``n`` of them.
        present: ``[m]`` classes that the model may choose from; if there are fewer than five, all are named.
        config: how the images are shown.
        workspace: receives progress and parts.
        device: where to compute.

    Raises:
        InputError: an output of the model is not finite.
        Interrupted: a process of the job was asked to stop.
    """
    best = min(top_k.TOP, len(present))
    classes = torch.from_numpy(present).to(device)

    def chosen(view: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return torch.cat(choose_among(model(view), classes), dim=1)

    rows = torch.zeros(len(images), 2 * best, dtype=torch.double, device=device)  # which holds classes exactly
    fill_rows(rows, chosen, images, "choices", config, workspace, device)
    scores, named = np.split(rows.cpu().numpy(), 2, axis=1)
    return named.astype(np.int64), scores


def choose_among(logits: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and numbers ``[n, 5]`` of the best of some classes: a softmax over their logits, in double precision.

    In single precision, many confidences near 1 would be equal, and could not be sorted. Of classes with equal scores,
    the first one in ``classes`` comes first.

    Args:
        logits: ``[n, all classes]``.
        classes: ``[m]`` indices; if there are fewer than five, all are given.
    """
    scores, places = logits[:, classes].double().softmax(dim=1).sort(dim=1, descending=True, stable=True)
    return scores[:, : top_k.TOP], classes[places[:, : top_k.TOP]]
