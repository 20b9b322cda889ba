"""The stage that looks at what a run has learned by heart: the same training once more, watched from outside.

Clean accuracy is taken after every epoch, and at the end the classifier's answers on the training images are held
against their true labels. The training itself sees neither: its model must equal the evaluated one, byte by byte.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.distributed import process_group, rank, wait_for_all
from core.errors import InputError
from core.files import sha256_of, write_json
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.loading import ViewedImages, permutations
from data.miniature.truth import read_hidden_truth
from data.miniature.writers import OUT_OF_DISTRIBUTION
from data.sets.imagenet.reader import read_split
from metrics import top_k
from pretrain.checkpoints import exported
from pretrain.config import MemorisationConfig
from pretrain.evaluation import answers_on, fill_rows
from pretrain.loop import train
from pretrain.pretraining import build_method, views_of
from pretrain.sources import Images
from pretrain.tensor_files import save_tensors
from pretrain.training_set import training_images

ACCURACIES_FILE = "clean_accuracies.json"

Accuracies = dict[int, float]  # number of finished epochs -> top-1 on clean images, in percent


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Clean accuracy of the last and the best epoch, and what the classifier says of wrongly labelled images.

    Gives, in percent: ``clean_top1`` and ``best_clean_top1`` (and ``best_epoch``, from 1); for a MoPro that corrects,
    ``clean_top1_before_correction``; of the wrongly labelled training images of a class, ``wrong_reproduced`` (given
    their wrong label) and ``wrong_seen_through`` (given their true one). The provenance holds all epochs.

    Raises:
        InputError: the data cannot be read, or the true labels are not known.
        RuntimeError: the training came to another model than the one that is evaluated.
    """
    config = MemorisationConfig.model_validate(settings)
    images = training_images(config, workspace)
    truth = read_hidden_truth(images)
    if truth is None:
        raise InputError(f"The true labels of {images.root} are not known: take evaluate.memorisation out.")
    validation = read_split(workspace.dataset(config.imagenet), "val", config.classes, config.part)
    accuracies = _read_accuracies(workspace.folder / ACCURACIES_FILE)
    with process_group() as device:
        method = build_method(config, len(images))
        dataset = ViewedImages(images, views_of(config), config.seed)
        after_epoch = _watching(method, validation, accuracies, config, workspace, device)
        order = permutations(len(images), config.seed)
        train(method, Images(dataset, config, device), order, config, workspace, device, after_epoch)
        answers = _answers(method, images, config, workspace, device)
        model_file = workspace.folder / MODEL_FILE
        if rank() == 0:
            save_tensors(model_file, exported(method))
        wait_for_all()
    if sha256_of(model_file) != sha256_of(workspace.inputs["checkpoint"] / MODEL_FILE):
        raise RuntimeError("the same training came to another model: what was watched is not what is evaluated")
    workspace.provenance["clean_accuracies"] = {str(epoch): accuracies[epoch] for epoch in sorted(accuracies)}
    return epoch_metrics(accuracies, config, len(validation)) | wrong_label_metrics(images.labels, answers, truth)


def _watching(
    method: nn.Module,
    validation: ImageTable,
    accuracies: Accuracies,
    config: MemorisationConfig,
    workspace: Workspace,
    device: torch.device,
) -> Callable[[int], None]:
    """What is done after every epoch: an evaluation."""
    silent = replace(workspace, reports_progress=False, keeps_parts=False)  # the progress shown is that of the training

    def watch(epoch: int) -> None:
        method.eval()
        metrics = top_k.figures(answers_on(validation, _classifier_of(method), config, silent, device))
        accuracies[epoch] = metrics["top1"]["value"]
        if rank() == 0:
            write_json(workspace.folder / ACCURACIES_FILE, accuracies)

    return watch


def _classifier_of(method: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """From images to class logits, for every method."""
    encoder: Any = method.encoder
    return lambda view: encoder.classifier(encoder.features(view))


def _answers(
    method: nn.Module, images: ImageTable, config: MemorisationConfig, workspace: Workspace, device: torch.device
) -> np.ndarray:
    """The class ``[n]`` that the classifier gives every training image."""
    method.eval()
    classify = _classifier_of(method)
    logits = torch.zeros(len(images), config.classes, device=device)
    fill_rows(logits, lambda view, _: classify(view), images, "logits", config, workspace, device)
    return logits.argmax(dim=1).cpu().numpy()


def epoch_metrics(accuracies: Accuracies, config: MemorisationConfig, n: int) -> dict[str, dict[str, Any]]:
    """Metrics of the last and the best epoch, and of the moment before correction; ``n`` images are behind each."""
    best = max(sorted(accuracies), key=lambda epoch: accuracies[epoch])
    values = {"clean_top1": accuracies[config.schedule.epochs], "best_clean_top1": accuracies[best]}
    corrects_from = config.method.corrects_labels_from
    if corrects_from in accuracies:
        values["clean_top1_before_correction"] = accuracies[corrects_from]
    metrics = {name: {"value": value, "unit": "%", "n": n} for name, value in values.items()}
    return metrics | {"best_epoch": {"value": best, "unit": "epochs", "n": len(accuracies)}}


def wrong_label_metrics(given: np.ndarray, answers: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, Any]]:
    """Of the wrongly labelled images of a class, shares by what the classifier answers; nothing where there are none.

    Args:
        given: ``[n]`` labels that were trained on.
        answers: ``[n]`` of the classifier.
        truth: ``[n]`` true labels, -1 for out of distribution.
    """
    wrong = (truth != OUT_OF_DISTRIBUTION) & (truth != given)
    if not wrong.any():
        return {}
    shares = {"wrong_reproduced": answers == given, "wrong_seen_through": answers == truth}
    n = int(wrong.sum())
    return {name: {"value": 100 * int(those[wrong].sum()) / n, "unit": "%", "n": n} for name, those in shares.items()}


def _read_accuracies(path: Path) -> Accuracies:
    """What an interrupted run has evaluated."""
    if not path.exists():
        return {}
    return {int(epoch): value for epoch, value in json.loads(path.read_text()).items()}
