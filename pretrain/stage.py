"""The pretraining stage: one method, one training set, one seed, to one exported model."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from core.distributed import process_group, rank, wait_for_all, world_size
from core.errors import InputError
from core.files import sha256_of
from core.workspace import Workspace
from data.loading import TrainingBatches, ViewedImages, batches
from data.views import View, strong_view, weak_view
from data.webvision import read_train
from pretrain.backbone import Classifier, ProjectingEncoder, memory_format
from pretrain.checkpoints import MODEL_FILE, exported, save_tensors
from pretrain.config import CrossEntropyConfig, PretrainConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.loop import TrainingState, train
from pretrain.mopro import MoPro


def run(config: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Pretrain, and export ``model.pt`` into the job's folder.

    Gives the number of steps. The provenance holds the fingerprint of the training set and the model's digest.

    Raises:
        InputError: the data cannot be read, or the processes don't divide the batch.
    """
    constants = PretrainConfig.model_validate(config)
    schedule = constants.schedule
    with process_group() as device:
        if schedule.batch_size % world_size():
            raise InputError(
                f"schedule.batch_size {schedule.batch_size} is not divisible by {world_size()} processes: change one."
            )
        images = read_train(workspace.dataset(constants.webvision), constants.classes)
        steps_per_epoch = len(images) // schedule.batch_size
        if steps_per_epoch == 0:
            raise InputError(
                f"schedule.batch_size is {schedule.batch_size}, but {images.source} names {len(images)} images only."
            )
        method = build_method(constants)
        method.to(device=device, memory_format=memory_format(constants.arithmetic))  # type: ignore[call-overload]
        state = TrainingState(
            method,
            torch.optim.SGD(
                [parameter for parameter in method.parameters() if parameter.requires_grad],
                schedule.learning_rate,
                schedule.momentum,
                weight_decay=schedule.weight_decay,
            ),
            torch.amp.GradScaler(device.type, enabled=constants.arithmetic.precision == "float16"),
        )
        dataset = ViewedImages(images, _views(constants), constants.seed)

        def batches_from(step: int):
            sampler = TrainingBatches(
                len(images),
                schedule.batch_size,
                schedule.epochs,
                constants.seed,
                first_step=step,
                rank=rank(),
                world_size=world_size(),
            )
            return batches(dataset, sampler, constants.runtime.workers)

        train(state, batches_from, steps_per_epoch, constants, workspace, device)
        model_file = workspace.folder / MODEL_FILE
        if rank() == 0:
            save_tensors(model_file, exported(method))
        wait_for_all()
    workspace.provenance["webvision"] = images.fingerprint()
    workspace.provenance["model_sha256"] = sha256_of(model_file)
    return {"steps": {"value": state.step, "unit": "steps", "n": 1}}


def build_method(constants: PretrainConfig) -> nn.Module:
    """The method of the configuration, initialised from its seed."""
    torch.manual_seed(constants.seed)
    arithmetic, classes, method = constants.arithmetic, constants.classes, constants.method
    if isinstance(method, CrossEntropyConfig):
        classifier = Classifier(constants.backbone, classes, arithmetic.precision)
        return CrossEntropy(classifier)
    encoder = ProjectingEncoder(constants.backbone, classes, method.embedding_size, arithmetic.precision)
    return MoPro(encoder, classes, method, constants.seed)


def _views(constants: PretrainConfig) -> list[View]:
    weak, strong = weak_view(constants.views), strong_view(constants.views)
    if isinstance(constants.method, CrossEntropyConfig):
        return [weak if constants.method.view == "weak" else strong]
    return [weak, strong]
