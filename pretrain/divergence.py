"""A training whose loss is no number any more: it is noticed without waiting for the device, and stopped."""

import math
from typing import Any

import torch

from core.distributed import gather
from core.errors import InputError
from pretrain.tensor_files import fault_of, tensors_in

REMEDY = "lower the learning rate of its schedule"


class LossWatch:
    """Keeps the first loss that is not finite on the device, until somebody asks.

    Args:
        device: where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self.first = torch.tensor([math.inf, 0, 0], dtype=torch.double, device=device)  # step, loss, learning rate

    def see(self, loss: torch.Tensor, step: int, learning_rate: float) -> None:
        """Take the loss ``[]`` of a step into account; ``learning_rate`` is the one that the step is made with."""
        exact = loss.detach().double()
        row = torch.stack([torch.full_like(exact, step), exact, torch.full_like(exact, learning_rate)])
        self.first = torch.where(self.first[0].isinf() & ~exact.isfinite(), row, self.first)

    def require_finite(self) -> None:
        """Wait for the device; to be called on every rank after the same step.

        Raises:
            InputError: a loss was not finite, on any rank; all ranks raise it.
        """
        step, loss, learning_rate = min(gather(self.first[None]).tolist())
        if step < math.inf:
            raise InputError(
                f"The training diverged: the loss of step {step:.0f} is {loss}, with the learning rate "
                f"{learning_rate:g}; {REMEDY}."
            )


def require_finite_state(state: Any, step: int, learning_rate: float) -> None:
    """Refuse to keep a training state with numbers that are none.

    Args:
        state: nested dictionaries of tensors.
        step: after which it is.
        learning_rate: of that step.

    Raises:
        InputError: a tensor has a fault.
    """
    for name, tensor in tensors_in(state):
        if fault := fault_of(name, tensor):
            raise InputError(
                f"The training diverged: after step {step}, with the learning rate {learning_rate:g}, {fault}; "
                f"{REMEDY}."
            )
