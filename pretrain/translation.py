"""Converts images that are normalised our way to the convention that a trunk was trained with."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from pretrain.conventions import OURS, Convention


class Translation(nn.Module):
    """From images normalised our way to images normalised another way; its factors are no part of a checkpoint.

    Args:
        convention: the other way.
    """

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, convention: Convention) -> None:
        super().__init__()
        self.reverses = convention.channels == "BGR"
        mean, deviation, their_mean, their_deviation = (
            torch.tensor(values, dtype=torch.double).view(3, 1, 1)
            for values in (OURS.mean, OURS.deviation, convention.mean, convention.deviation)
        )
        if self.reverses:
            mean, deviation = mean.flip(0), deviation.flip(0)
        self.register_buffer("factor", (deviation / their_deviation).float(), persistent=False)
        self.register_buffer("offset", ((mean - their_mean) / their_deviation).float(), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[n, 3, height, width]``, normalised, to the same."""
        return (images.flip(1) if self.reverses else images) * self.factor + self.offset


def pad_as_tensorflow(trunk: nn.Module) -> None:
    """Let strided convolutions and the pooling, which follows a ReLU, pad with zeros as TensorFlow's SAME does."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d) and module.stride[0] > 1 and module.kernel_size[0] > 1:
            sizes = module.kernel_size[0], module.stride[0]
            module.padding = (0, 0)
        elif isinstance(module, nn.MaxPool2d):
            assert isinstance(module.kernel_size, int) and isinstance(module.stride, int)
            sizes = module.kernel_size, module.stride
            module.padding = 0
        else:
            continue
        module.register_forward_pre_hook(partial(_padded, *sizes))


def _padded(kernel: int, stride: int, module: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    (images,) = inputs
    amounts: list[int] = []
    for size in reversed(images.shape[2:]):  # the last dimension first
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        amounts += [total // 2, total - total // 2]
    return (F.pad(images, amounts),)
