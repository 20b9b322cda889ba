"""The baseline: cross-entropy on the labels as given."""

import torch
import torch.nn.functional as F
from torch import nn

from pretrain.objective import Outcome


class CrossEntropy(nn.Module):
    """Cross-entropy of one view.

    Args:
        encoder: maps images to class logits.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, views: list[torch.Tensor], labels: torch.Tensor, *, epoch: int, step: int) -> Outcome:
        (images,) = views
        logits = self.encoder(images)
        losses = {"classification": F.cross_entropy(logits, labels)}
        kept = torch.ones_like(labels, dtype=torch.bool)
        return Outcome(losses, labels, kept, logits.argmax(dim=1) == labels)
