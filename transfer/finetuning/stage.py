"""The fine-tuning stage: all layers of a checkpoint, trained on a part of ImageNet's training set, evaluated on val.

The result is the accuracy after the last epoch. The best of the evaluated epochs is recorded beside it and used for
nothing: choosing it would be choosing on the evaluation's own images.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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
from metrics import top_k
from metrics.measures import keep_and_measure
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported, load_classifier, load_trunk
from pretrain.cross_entropy import CrossEntropy
from pretrain.evaluation import answers_on
from pretrain.loop import train
from pretrain.publication import digest_of
from pretrain.sources import Images
from transfer.finetuning.config import FinetuneConfig

HISTORY_FILE = "history.json"

History = dict[int, dict[str, dict[str, Any]]]  # number of finished epochs -> metrics
Answers = dict[int, dict[str, np.ndarray]]  # number of finished epochs -> what was said of every image


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Top-1 and top-5 accuracy on val in percent, after the last epoch.

    The provenance holds the fingerprints of both image sets, the digest of the weights (which the last training state
    holds), where the first classifier came from, the accuracies of all evaluated epochs and the best of them; of a
    listed subset, the list's digest and size.

    Raises:
        InputError: data, list or checkpoint cannot be read or don't fit, or the subset doesn't fill a batch.
    """
    config = FinetuneConfig.model_validate(settings)
    root = workspace.dataset(config.imagenet)
    subset = _subset(read_split(root, "train", config.classes), config, workspace)
    validation = read_split(root, "val", config.classes)
    history = _read_history(workspace.folder / HISTORY_FILE)
    answers: Answers = {}
    with process_group() as device:
        model = _first_model(config, workspace)
        after_epoch = _evaluation(model, validation, history, answers, config, workspace, device)
        dataset = ViewedImages(subset, [weak_view(config.views)], config.seed)
        source, order = Images(dataset, config, device), permutations(len(dataset), config.seed)
        train(CrossEntropy(model), source, order, config, workspace, device, after_epoch)
        if config.schedule.epochs not in history:
            raise _unusable(workspace.folder / HISTORY_FILE)
        if config.schedule.epochs not in answers:  # it was killed after the last evaluation
            after_epoch(config.schedule.epochs)
    weights = {name: it for name, it in exported(CrossEntropy(model)).items() if not name.startswith("architecture.")}
    best = max(sorted(history), key=lambda epoch: history[epoch]["top1"]["value"])
    workspace.provenance |= {
        "imagenet": {"train": subset.fingerprint(), "val": validation.fingerprint()},
        "weights_sha256": digest_of(weights),
        "first_classifier": "pretrained" if config.keep_classifier else "fresh",
        "best_epoch": {"epoch": best, "top1": history[best]["top1"]["value"]},
        "history": {
            str(epoch): {name: metric["value"] for name, metric in history[epoch].items()} for epoch in sorted(history)
        },
    }
    return keep_and_measure(workspace, "val", "top-k", answers[config.schedule.epochs])


def _subset(images: ImageTable, config: FinetuneConfig, workspace: Workspace) -> ImageTable:
    if isinstance(config.subset, RandomSubset):
        return random_subset(images, config.subset.fraction, config.seed)
    path = workspace.dataset(config.subset.file)
    subset = listed_subset(images, path)
    workspace.provenance["list"] = {"sha256": sha256_of(path), "images": len(subset)}
    return subset


def _first_model(config: FinetuneConfig, workspace: Workspace) -> Classifier:
    """The checkpoint's trunk with its own classifier, or with one that is drawn from the seed."""
    path, precision = workspace.inputs["checkpoint"] / MODEL_FILE, config.arithmetic.precision
    if not config.keep_classifier:
        torch.manual_seed(int(generator(config.seed, "classifier").integers(2**63)))
        return load_trunk(path, config.classes, precision)
    model = load_classifier(path, precision)
    found = model.classifier.out_features
    if found != config.classes:
        raise InputError(
            f"The checkpoint {path} has a classifier of {found} classes, expected ImageNet's {config.classes}: "
            "set shares_imagenet_classes to false for its training set, and the classifier starts afresh."
        )
    return model


def _evaluation(
    model: Classifier,
    validation: ImageTable,
    history: History,
    answers: Answers,
    config: FinetuneConfig,
    workspace: Workspace,
    device: torch.device,
) -> Callable[[int], None]:
    """What is done after an epoch: where one is due, an evaluation goes into the answers, the history and its file."""
    # The progress shown is that of the training, and the model that is evaluated is not the one it began with.
    silent = replace(workspace, reports_progress=False, keeps_parts=False, inputs={})

    def evaluate(epoch: int) -> None:
        if epoch % config.evaluate_every and epoch != config.schedule.epochs:
            return
        model.eval()
        for buffer in model.buffers():  # BatchNorm's statistics are each rank's own
            copy_from_first_rank(buffer)
        answers[epoch] = answers_on(validation, model, config, silent, device)
        history[epoch] = top_k.figures(answers[epoch])
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
