"""torchvision's ResNet with a classifier, and with MoPro's projection head."""

import torch
import torch.nn.functional as F
from torch import nn

from core.vision import resnet
from core.workspace import Workspace
from pretrain.config import ArithmeticConfig, BackboneConfig
from pretrain.conventions import OURS, Convention
from pretrain.translation import Translation, pad_as_tensorflow

BLOCKS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class _ResNet(resnet.ResNet):
    """A ResNet whose basic blocks may be narrower than the published ones."""

    def __init__(self, config: BackboneConfig) -> None:
        self._width = config.width
        block = resnet.Bottleneck if config.has_bottlenecks else resnet.BasicBlock
        super().__init__(block, list(BLOCKS[config.depth]))
        if config.stem == "small":
            self.conv1 = nn.Conv2d(3, config.width, kernel_size=3, stride=2, padding=1, bias=False)
            self.maxpool = nn.Identity()
        elif config.width != 64:
            self.conv1 = nn.Conv2d(3, config.width, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = nn.BatchNorm2d(config.width)

    def _make_layer(self, block, planes, *args, **kwargs):  # the one hook through which torchvision sizes its stages
        if planes == 64:
            self.inplanes = self._width
        return super()._make_layer(block, planes * self._width // 64, *args, **kwargs)


class Backbone(nn.Module):
    """A trunk and a linear classifier, which is what an exported model has of every method."""

    def __init__(self, config: BackboneConfig, classes: int, precision: str) -> None:
        super().__init__()
        self.architecture = config
        self.trunk = _ResNet(config)
        self.feature_size = self.trunk.fc.in_features * config.width // 64
        self.trunk.fc = nn.Identity()
        self.classifier = nn.Linear(self.feature_size, classes)
        self.precision = PRECISIONS[precision]
        self.convention = OURS
        self.translation: nn.Module = nn.Identity()

    def use_convention(self, convention: Convention) -> None:
        """Convert images, which are still given in our convention, to the one that the trunk was trained with."""
        self.convention = convention
        self.translation = Translation(convention)
        if convention.padding == "same":
            pad_as_tensorflow(self.trunk)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features ``[n, feature_size]`` (2048 for ResNet-50)."""
        images = self.translation(images)
        narrow = self.precision != torch.float32
        with torch.autocast(images.device.type, self.precision if narrow else torch.bfloat16, enabled=narrow):
            return self.trunk(images).float()


class Classifier(Backbone):
    """Images to class logits: ``[n, 3, height, width]`` to ``[n, classes]``.

    Args:
        config: the ResNet.
        classes: number of classes.
        precision: of the trunk; logits are float32.
    """

    def __init__(self, config: BackboneConfig, classes: int, precision: str = "float32") -> None:
        super().__init__(config, classes, precision)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images))


class ProjectingEncoder(Backbone):
    """Images to (class logits ``[n, classes]``, unit embeddings ``[n, embedding_size]``), section 3 of the paper.

    Args:
        config: the ResNet.
        classes: number of classes.
        embedding_size: of the embeddings; the projection's hidden layer has the features' size.
        precision: of the trunk; logits and embeddings are float32.
    """

    def __init__(self, config: BackboneConfig, classes: int, embedding_size: int, precision: str = "float32") -> None:
        super().__init__(config, classes, precision)
        self.projection = nn.Sequential(
            nn.Linear(self.feature_size, self.feature_size), nn.ReLU(), nn.Linear(self.feature_size, embedding_size)
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(images)
        return self.classifier(features), F.normalize(self.projection(features))


def compile_networks(module: nn.Module, workspace: Workspace) -> None:
    """Let every ResNet in a module be compiled when it is first called, if the job is to compute so."""
    if workspace.compiles:
        for network in (part for part in module.modules() if isinstance(part, _ResNet)):
            network.compile()
            workspace.has_compiled = True


def place(module: nn.Module, arithmetic: ArithmeticConfig, device: torch.device) -> None:
    """Move a module to the device, its convolutions in the memory format of the images."""
    module.to(device=device, memory_format=memory_format(arithmetic))  # type: ignore[call-overload]  # not in the stubs


def memory_format(arithmetic: ArithmeticConfig) -> torch.memory_format:
    """The memory format of images and convolutions."""
    return torch.channels_last if arithmetic.channels_last else torch.contiguous_format
