"""The robustness stage: the pretrained classifier on a data set of some of ImageNet's classes, without training."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from core.distributed import process_group, sum_over_ranks
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.imagenet_variants.reader import read_published, read_variant
from pretrain.config import EvaluationConfig
from pretrain.evaluation import centred_images, pretrained_classifier, require_finite_outputs
from robustness.calibration import Bins, calibration_error, calibration_error_without_last_bin, equal_mass_bins
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
        confidence, predicted = predict(model, images, present, config, workspace, device)
    correct = predicted == images.labels
    bins = equal_mass_bins(confidence, correct, config.bin_size)
    workspace.provenance["images"] = images.fingerprint() | {"present_classes": len(present)}
    workspace.provenance["reliability"] = {name: column.tolist() for name, column in bins._asdict().items()}
    values = {"accuracy": float(correct.mean())} | _calibration_errors(bins)
    return {name: {"value": 100 * value, "unit": "%", "n": len(images)} for name, value in values.items()}


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
    """The model's confidence and class for every image, ``[n]`` each, on every rank.

    Args:
        model: from images to class logits; in evaluation mode.
        images: ``n`` of them.
        present: ``[m]`` classes that the model may choose from.
        config: how the images are shown.
        workspace: receives the progress.
        device: where to compute.
    """
    confidence = torch.zeros(len(images), dtype=torch.double, device=device)
    predicted, visits = (torch.zeros(len(images), dtype=torch.long, device=device) for _ in range(2))
    classes = torch.from_numpy(present).to(device)
    with torch.inference_mode():
        for view, _, indices in centred_images(images, config, workspace, device):
            confidence[indices], predicted[indices] = choose_among(model(view), classes)
            visits[indices] += 1
    for of_each_image in (confidence, predicted, visits):
        sum_over_ranks(of_each_image)
    assert (visits == 1).all(), "an image was skipped or seen twice"
    require_finite_outputs(int((~confidence.isfinite()).sum()), images, workspace)
    return confidence.cpu().numpy(), predicted.cpu().numpy()


def choose_among(logits: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Confidence and class ``[n]`` of the best of some classes: a softmax over their logits alone, in double precision.

    In single precision, many confidences near 1 would be equal, and could not be sorted.

    Args:
        logits: ``[n, all classes]``.
        classes: ``[m]`` indices.
    """
    confidence, place = logits[:, classes].double().softmax(dim=1).max(dim=1)
    return confidence, classes[place]


def _calibration_errors(bins: Bins) -> dict[str, float]:
    values = {"calibration_error": calibration_error(bins)}
    without_last_bin = calibration_error_without_last_bin(bins)
    if without_last_bin is None:
        print("calibration_error_without_last_bin is not given: there are too few images for two bins.")
        return values
    return values | {"calibration_error_without_last_bin": without_last_bin}
