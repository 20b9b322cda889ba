"""The pretraining stage: one method, one training set, one seed, to one exported model."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from core.distributed import process_group, rank, wait_for_all
from core.files import sha256_of
from core.user_code import called, error_in, require_arguments
from core.workspace import MODEL_FILE, Workspace
from data.lists import write_list
from data.loading import ViewedImages, permutations
from data.views import View, strong_view, weak_view
from pretrain.backbone import Backbone
from pretrain.checkpoints import exported, misfit_of_export
from pretrain.config import PretrainConfig
from pretrain.loop import train
from pretrain.methods.method import Setting
from pretrain.sources import Images
from pretrain.tensor_files import fault_of, save_tensors, tensors_in
from pretrain.training_set import training_images

IMAGES_FILE = "training_images.txt"


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Pretrain, and export ``model.pt`` into the job's folder.

    Gives the number of steps. The provenance holds the fingerprint of the training set and the model's digest; the
    images of a subset are listed in ``training_images.txt``, whose digest it holds too.

    Raises:
        InputError: the data cannot be read, or don't make whole batches for all processes.
    """
    config = PretrainConfig.model_validate(settings)
    if config.objective_file is not None:
        workspace.provenance["objective"] = {"path": config.objective_file, "sha256": config.objective_sha256}
    with process_group() as device:
        images = training_images(config, workspace)
        method = build_method(config, len(images))
        source = Images(ViewedImages(images, views_of(config), config.seed), config, device)
        steps = train(method, source, permutations(len(images), config.seed), config, workspace, device)
        model_file = workspace.folder / MODEL_FILE
        if rank() == 0:
            if config.subset is not None:
                write_list(workspace.folder / IMAGES_FILE, images.paths, images.labels)
            save_tensors(model_file, exported(method))
        wait_for_all()
    if config.subset is not None:
        workspace.provenance["subset_sha256"] = sha256_of(workspace.folder / IMAGES_FILE)
    workspace.provenance["model_sha256"] = sha256_of(model_file)
    return {"steps": {"value": steps, "unit": "steps", "n": 1}}


def build_method(config: PretrainConfig, images: int) -> nn.Module:
    """The method of the configuration for a training set of so many images, initialised from its seed.

    Raises:
        UserCodeError: it is no module that can be trained and exported.
    """
    torch.manual_seed(config.seed)
    setting = Setting(config.backbone, config.classes, images, config.seed, config.arithmetic.precision)
    method = config.method
    built = called(method.build, setting)
    if not isinstance(built, nn.Module) or not isinstance(getattr(built, "encoder", None), Backbone):
        raise error_in(
            type(method).build,
            "what it builds is no module with an encoder, expected one of setting.classifier() or "
            "setting.projecting_encoder() under that name",
        )
    require_arguments(type(built).forward, built, "batch")
    faults = (fault_of(*named) for named in tensors_in(built.state_dict()))
    if fault := misfit_of_export(built, config.classes) or next(filter(None, faults), None):
        raise error_in(type(method).build, f"what it builds cannot be trained and exported: {fault}")
    return built


VIEWS = {"weak": weak_view, "strong": strong_view}


def views_of(config: PretrainConfig) -> list[View]:
    """The views of an image that the method of the configuration takes, in its order."""
    return [VIEWS[name](config.views) for name in config.method.views]
