"""What the training loop asks of a method."""

from typing import NamedTuple, Protocol

import torch


class Outcome(NamedTuple):
    """One step of a method, before the parameters move.

    Attributes:
        losses: scalar losses by name; the loop minimises their sum.
        labels: ``[n]`` labels that the step trusted.
        kept: ``[n]`` True where a sample took part in the losses that need a label.
        right: ``[n]`` True where the classifier ranks the trusted label first.
    """

    losses: dict[str, torch.Tensor]
    labels: torch.Tensor
    kept: torch.Tensor
    right: torch.Tensor


class Objective(Protocol):
    """A module that computes losses from views of a batch."""

    def __call__(self, views: list[torch.Tensor], labels: torch.Tensor, *, epoch: int, step: int) -> Outcome:
        """``views``: this rank's images, one tensor for each view the method asked for; ``labels``: ``[n]``."""
        ...
