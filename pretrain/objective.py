"""What the training loop gives a method in every step, and what it asks for."""

from typing import NamedTuple, Protocol

import torch
from torch import nn

from core.user_code import error_in


class Batch(NamedTuple):
    """This rank's share of a batch.

    Attributes:
        views: the images ``[n, 3, height, width]``, normalised, one tensor for each view that the method takes.
        labels: ``[n]`` as given.
        indices: ``[n]`` of the images in the training set, each below its size. In an epoch an image comes once, on one
            of the ranks, and in another epoch on another.
        epoch: from 0.
        step: of the whole training, from 0.
    """

    views: list[torch.Tensor]
    labels: torch.Tensor
    indices: torch.Tensor
    epoch: int
    step: int


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

    @classmethod
    def trusting(cls, labels: torch.Tensor, logits: torch.Tensor, **losses: torch.Tensor) -> "Outcome":
        """Of a step that trusts every label as given; ``logits`` are the classifier's, ``[n, classes]``."""
        return cls(losses, labels, torch.ones_like(labels, dtype=torch.bool), logits.argmax(dim=1) == labels)


class Objective(Protocol):
    """A module that computes losses from a batch.

    Its submodule ``encoder`` has a trunk and a classifier, which are exported once the training has ended. All its
    buffers are part of the training state, so that an interrupted training goes on with them. With several ranks
    nothing copies them from one to another: a module changes them by what all ranks have, as
    :func:`core.distributed.gather` gives it, so that they stay equal everywhere.
    """

    def __call__(self, batch: Batch) -> Outcome:
        """The losses of this rank's share."""
        ...


def require_outcome(outcome: object, method: nn.Module, samples: int) -> None:
    """Refuse what the training loop cannot go on with; looks at no number, so that nothing waits for the device.

    Args:
        outcome: what the method gave for a batch.
        method: names the file and line, for errors.
        samples: of this rank's share.

    Raises:
        UserCodeError: it is no outcome, or a part of it has another type or shape than it must have.
    """
    if found := _misfit(outcome, samples):
        raise error_in(type(method).forward, f"{type(method).__name__} gives {found}")


def _misfit(outcome: object, samples: int) -> str | None:
    if not isinstance(outcome, Outcome):
        return f"a {type(outcome).__name__} for a batch, expected an Outcome of pretrain.objective"
    if not isinstance(outcome.losses, dict) or not outcome.losses:
        return "no losses, expected at least one by its name"
    for name, loss in outcome.losses.items():
        if not isinstance(loss, torch.Tensor):
            return f"the loss {name} as {type(loss).__name__}, expected a tensor that holds one number"
        if loss.shape or not loss.is_floating_point():
            return f"the loss {name} as {loss.dtype} of shape {list(loss.shape)}, expected one floating-point number"
    if not any(loss.requires_grad for loss in outcome.losses.values()):
        return "losses without a gradient, expected one that depends on the encoder"
    for name, part in (("labels", outcome.labels), ("kept", outcome.kept), ("right", outcome.right)):
        if not isinstance(part, torch.Tensor) or part.shape != (samples,):
            return f"{name} of shape {list(getattr(part, 'shape', ()))}, expected one for each of {samples} samples"
    return None
