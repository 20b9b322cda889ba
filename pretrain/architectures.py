"""Which ResNet some tensors are, told by names and shapes alone."""

from collections.abc import Mapping
from functools import cache

import torch
from pydantic import ValidationError

from pretrain.backbone import BLOCKS, Classifier
from pretrain.config import BackboneConfig
from pretrain.layouts import Shape, Trunk

FIRST = "conv1.weight"


def trunk_in(shapes: Mapping[str, Shape]) -> Trunk:
    """The trunk that some tensors look most like; ResNet-50's where they look like none.

    Args:
        shapes: by torchvision's names, with whatever else there is.
    """
    return trunk_of(_backbone_in(shapes) or BackboneConfig(depth=50))


@cache
def trunk_of(backbone: BackboneConfig) -> Trunk:
    """The trunk of an architecture."""
    with torch.device("meta"):  # without storage
        model = Classifier(backbone, classes=2)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.trunk.state_dict().items()}
    return Trunk(backbone, shapes, model.feature_size)


def _backbone_in(shapes: Mapping[str, Shape]) -> BackboneConfig | None:
    """By the number of blocks in every stage, by what a block is, and by the first convolution."""
    blocks = tuple(_length_of(f"layer{stage}", shapes) for stage in range(1, 5))
    depths = [depth for depth, of_depth in BLOCKS.items() if of_depth == blocks]
    has_bottlenecks = "layer1.0.conv3.weight" in shapes
    first = shapes.get(FIRST, ())
    if len(first) != 4:
        return None
    stem = "small" if first[2] < 7 else "imagenet"
    for depth in depths:
        try:
            backbone = BackboneConfig.model_validate({"depth": depth, "width": first[0], "stem": stem})
        except ValidationError:  # a width that there is not
            continue
        if backbone.has_bottlenecks == has_bottlenecks:
            return backbone
    return None


def _length_of(stage: str, shapes: Mapping[str, Shape]) -> int:
    return len({name.split(".")[1] for name in shapes if name.startswith(f"{stage}.") and name.count(".") > 1})
