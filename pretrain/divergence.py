"""A training whose loss is no number any more: it is noticed without waiting for the device, and stopped."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from core.distributed import gather
from core.errors import InputError
from core.user_code import error_in, place_of
from pretrain.tensor_files import fault_of, tensors_in

REMEDY = "lower the learning rate of its schedule"


class LossWatch:
    """Keeps the first loss that is not finite on the device, until somebody asks.

    Args:
        device: where the losses are.
        whose: the function or class that computes them, which is named if it is a user's.
    """

    def __init__(self, device: torch.device, whose: Any = None) -> None:
        # step, loss, learning rate, and which of the step's losses it is
        self.first = torch.tensor([math.inf, 0, 0, 0], dtype=torch.double, device=device)
        self.names: tuple[str, ...] = ()
        self.whose = whose

    def see(self, losses: Mapping[str, torch.Tensor], step: int, learning_rate: float) -> None:
        """Take the losses ``[]`` of a step into account.

        Args:
            losses: by name, empty for that of all together; the first that is not finite will be named.
            step: from 1.
            learning_rate: that the step is made with.
        """
        self.names = tuple(losses)
        exact = torch.stack([loss.detach().double() for loss in losses.values()])
        which = (~exact.isfinite()).to(torch.uint8).argmax()
        loss = exact.gather(0, which[None]).squeeze(0)
        row = torch.stack([torch.full_like(loss, step), loss, torch.full_like(loss, learning_rate), which.double()])
        self.first = torch.where(self.first[0].isinf() & ~loss.isfinite(), row, self.first)

    def require_finite(self) -> None:
        """Wait for the device; to be called on every rank after the same step.

        Raises:
            InputError: a loss was not finite, on any rank; all ranks raise it.
        """
        step, loss, learning_rate, which = min(gather(self.first[None]).tolist())
        if step < math.inf:
            name = f"loss {self.names[int(which)]}".strip()
            found = f"the {name} of step {step:.0f} is {loss}, with the learning rate {learning_rate:g}"
            raise _divergence(found, step, self.whose)


def require_finite_state(state: Any, step: int, learning_rate: float, whose: Any = None) -> None:
    """Refuse to keep a training state with numbers that are none.

    Args:
        state: nested dictionaries of tensors.
        step: after which it is.
        learning_rate: of that step.
        whose: the function or class that computes the losses, which is named if it is a user's.

    Raises:
        InputError: a tensor has a fault.
    """
    for name, tensor in tensors_in(state):
        if fault := fault_of(name, tensor):
            raise _divergence(f"after step {step}, with the learning rate {learning_rate:g}, {fault}", step, whose)


def _divergence(found: str, step: float, whose: Any) -> InputError:
    """The error to raise; before a first step, nothing can diverge."""
    if place_of(whose) is None:
        return InputError(f"The training diverged: {found}; {REMEDY}.")
    either = "correct it" if step == 1 else f"correct it, or {REMEDY}"
    return error_in(whose, found, f"{either}, and give the same command again")
