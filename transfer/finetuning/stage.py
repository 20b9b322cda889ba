"""The fine-tuning stage: all layers of a checkpoint, trained on a part of ImageNet's training set, evaluated on val.

The result is the accuracy after the last epoch. The best of the evaluated epochs is recorded beside it and used for
nothing: choosing it would be choosing on the evaluation's own images.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from core.distributed import copy_from_first_rank, process_group, rank
from core.errors import InputError
from core.files import sha256_of, write_json
from core.seeds import generator
from core.workspace import MODEL_FILE, Workspace
from data.config import RandomSubset
from data.images import ImageTable
from data.loading import ViewedImages, permutations
from data.sets.imagenet.reader import read_split
from data.subsets import listed_subset, random_subset
from data.views import weak_view
from pretrain.backbone import Classifier
from pretrain.checkpoints import load_classifier, load_trunk
from pretrain.cross_entropy import CrossEntropy
from pretrain.evaluation import accuracy_on
from pretrain.loop import train
from pretrain.sources import Images
from transfer.finetuning.config import FinetuneConfig

HISTORY_FILE = "history.json"

History = dict[int, dict[str, dict[str, Any]]]  # number of finished epochs -> metrics


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Top-1 and top-5 accuracy on val in percent, after the last epoch.

    The provenance holds the fingerprints of both image sets, where the first classifier came from, the accuracies of
    all evaluated epochs and the best of them; of a listed subset, the list's digest and size.

    Raises:
        InputError: data, list or checkpoint cannot be read or don't fit, or the subset doesn't fill a batch.
    """
    constants = FinetuneConfig.model_validate(config)
    root = workspace.dataset(constants.imagenet)
    subset = _subset(read_split(root, "train", constants.classes), constants, workspace)
    validation = read_split(root, "val", constants.classes)
    history = _read_history(workspace.folder / HISTORY_FILE)
    with process_group() as device:
        model = _first_model(constants, workspace)
        after_epoch = _evaluation(model, validation, history, constants, workspace, device)
        dataset = ViewedImages(subset, [weak_view(constants.views)], constants.seed)
        source, order = Images(dataset, constants, device), permutations(len(dataset), constants.seed)
        train(CrossEntropy(model), source, order, constants, workspace, device, after_epoch)
    if constants.schedule.epochs not in history:
        raise _unusable(workspace.folder / HISTORY_FILE)
    best = max(sorted(history), key=lambda epoch: history[epoch]["top1"]["value"])
    workspace.provenance |= {
        "imagenet": {"train": subset.fingerprint(), "val": validation.fingerprint()},
        "first_classifier": "pretrained" if constants.keep_classifier else "fresh",
        "best_epoch": {"epoch": best, "top1": history[best]["top1"]["value"]},
        "history": {
            str(epoch): {name: metric["value"] for name, metric in history[epoch].items()} for epoch in sorted(history)
        },
    }
    return history[constants.schedule.epochs]


def _subset(images: ImageTable, constants: FinetuneConfig, workspace: Workspace) -> ImageTable:
    if isinstance(constants.subset, RandomSubset):
        return random_subset(images, constants.subset.fraction, constants.seed)
    path = workspace.dataset(constants.subset.file)
    subset = listed_subset(images, path)
    workspace.provenance["list"] = {"sha256": sha256_of(path), "images": len(subset)}
    return subset


def _first_model(constants: FinetuneConfig, workspace: Workspace) -> Classifier:
    """The checkpoint's trunk with its own classifier, or with one that is drawn from the seed."""
    path, precision = workspace.inputs["checkpoint"] / MODEL_FILE, constants.arithmetic.precision
    if not constants.keep_classifier:
        torch.manual_seed(int(generator(constants.seed, "classifier").integers(2**63)))
        return load_trunk(path, constants.classes, precision)
    model = load_classifier(path, precision)
    found = model.classifier.out_features
    if found != constants.classes:
        raise InputError(
            f"The checkpoint {path} has a classifier of {found} classes, expected ImageNet's {constants.classes}: "
            "set shares_imagenet_classes to false for its training set, and the classifier starts afresh."
        )
    return model


def _evaluation(
    model: Classifier,
    validation: ImageTable,
    history: History,
    constants: FinetuneConfig,
    workspace: Workspace,
    device: torch.device,
) -> Callable[[int], None]:
    """What is done after an epoch: where one is due, an evaluation goes into the history and its file."""
    # The progress shown is that of the training, and the model that is judged is not the one it began with.
    silent = replace(workspace, reports_progress=False, inputs={})

    def evaluate(epoch: int) -> None:
        if epoch % constants.evaluate_every and epoch != constants.schedule.epochs:
            return
        model.eval()
        for buffer in model.buffers():  # BatchNorm's statistics are each rank's own
            copy_from_first_rank(buffer)
        history[epoch] = accuracy_on(validation, model, constants, silent, device)
        if rank() == 0:
            write_json(workspace.folder / HISTORY_FILE, history)
            print(f"epoch {epoch}", *(f"{name} {metric['value']:.2f}%" for name, metric in history[epoch].items()))

    return evaluate


def _read_history(path: Path) -> History:
    """What an interrupted run has evaluated."""
    if not path.exists():
        return {}
    try:
        return {int(epoch): metrics for epoch, metrics in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError):
        raise _unusable(path) from None


def _unusable(path: Path) -> InputError:
    return InputError(
        f"The file {path} no longer holds the accuracies that were measured in the course of the training: delete the "
        f"folder {path.parent}, and the fine-tuning starts anew."
    )
