"""The stage that exports an untrained backbone: the baseline of transfer without pretraining."""

from collections.abc import Mapping
from typing import Any

import torch

from core.files import sha256_of
from core.workspace import MODEL_FILE, Workspace
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import UntrainedConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.tensor_files import save_tensors

CLASSES = 2  # of the classifier, which is not used


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Initialise as pretraining does, and export ``model.pt``; gives the number of steps, 0."""
    config = UntrainedConfig.model_validate(settings)
    torch.manual_seed(config.seed)
    model_file = workspace.folder / MODEL_FILE
    save_tensors(model_file, exported(CrossEntropy(Classifier(config.backbone, CLASSES))))
    workspace.provenance["model_sha256"] = sha256_of(model_file)
    return {"steps": {"value": 0, "unit": "steps", "n": 1}}
