"""The detector: mmdet's Mask R-CNN around the trunk that was pretrained.

The trunk is the very module of pretraining, at every depth, and not mmdet's own ResNet: that one cannot express the
small stem, and one backbone for all has the numbers of pretraining by construction. At depth 50 the two have the same
tensors by the same names and compute the same (a test shows it).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.model import BaseModule
from torch import nn

from core.distributed import world_size
from core.seeds import generator
from pretrain.backbone import Classifier
from pretrain.checkpoints import architecture_of, load_trunk
from pretrain.config import BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.translation import Translation, pad_as_tensorflow
from transfer.detection.config import DetectionConfig
from transfer.detection.mmdet_config import model_config


@MODELS.register_module()
class PretrainedTrunk(BaseModule):
    """The trunk without its pooling; gives the maps of its stages from stride 4 on.

    Args:
        config: values of a :class:`BackboneConfig`.
        norm: ``SyncBN`` takes BatchNorm's statistics over all processes.
    """

    def __init__(self, config: Mapping[str, Any], norm: str) -> None:
        super().__init__()
        backbone = BackboneConfig.model_validate(config)
        self.first_stage = 1 if backbone.stem == "small" else 0
        trunk = Classifier(backbone, classes=2).trunk
        self.trunk = nn.SyncBatchNorm.convert_sync_batchnorm(trunk) if norm == "SyncBN" else trunk
        self.translation: nn.Module = nn.Identity()

    def use_convention(self, convention: Convention) -> None:
        """Convert images to the convention that the trunk was trained with; mmdet normalises them our way."""
        self.translation = Translation(convention)
        if convention.padding == "same":
            pad_as_tensorflow(self.trunk)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        trunk = self.trunk
        images = self.translation(images)
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(images))))
        stages = []
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            maps = stage(maps)
            stages.append(maps)
        return tuple(stages[self.first_stage :])


def normalisation(device: torch.device) -> str:
    """BatchNorm over all processes on GPUs; torch has none on CPUs, where each process has its own statistics."""
    return "SyncBN" if device.type == "cuda" and world_size() > 1 else "BN"


def build_detector(config: DetectionConfig, checkpoint: Path, device: torch.device) -> nn.Module:
    """The detector with the checkpoint's trunk; its new layers are drawn from the seed.

    Raises:
        InputError: the checkpoint cannot be read, or its trunk does not fit.
    """
    register_all_modules()
    torch.manual_seed(int(generator(config.seed, "detector").integers(2**63)))
    detector = MODELS.build(model_config(config, architecture_of(checkpoint), normalisation(device)))
    detector.init_weights()
    checkpointed = load_trunk(checkpoint, classes=2)
    pretrained, trunk = checkpointed.trunk.state_dict(), detector.backbone.trunk
    trunk.load_state_dict(pretrained)
    if checkpointed.convention != OURS:
        detector.backbone.use_convention(checkpointed.convention)
    assert all(torch.equal(tensor, pretrained[name]) for name, tensor in trunk.state_dict().items())
    return detector.to(device)
