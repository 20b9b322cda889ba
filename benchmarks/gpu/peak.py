"""What a device could do at most, and what a step asks of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.sizes import configuration
from benchmarks.step import StepSize
from benchmarks.throughput import Training
from pretrain.methods.method import Method

COUNTED = 2  # images: BatchNorm takes no statistics of a single value


def flops_of_an_image(size: StepSize, method: Method, device: torch.device) -> float:
    """Floating-point operations of a training step for each image; a multiplication and its addition are two.

    They are those of convolutions and matrix products, as torch counts them.
    """
    views = [torch.randn(COUNTED, 3, size.pixels, size.pixels, device=device) for _ in method.views]
    training = Training(configuration(replace(size, batch=COUNTED), method), views, device, compiles=False)
    with FlopCounterMode(display=False) as counter:
        training()
    return counter.get_total_flops() / COUNTED


def peak_memory(
    step: Callable[[], object],
    method: nn.Module,
    optimizer: torch.optim.Optimizer,
    views: Sequence[torch.Tensor],
    device: torch.device,
) -> int:
    """Bytes of a GPU that a training holds at most in a step, without those that others hold beside it.

    Args:
        step: of the training, which has made some steps.
        method, optimizer, views: all that it keeps between two steps.
        device: the GPU.
    """
    momenta = [it for of_one in optimizer.state.values() for it in of_one.values() if isinstance(it, torch.Tensor)]
    gradients = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    kept = [*method.parameters(), *method.buffers(), *gradients, *momenta, *views]
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    others = torch.cuda.memory_allocated(device) - sum(tensor.nbytes for tensor in kept)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - others
