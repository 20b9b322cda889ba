"""Generalised cross-entropy (Zhang and Sabuncu, NeurIPS 2018, arXiv:1805.07836), a loss that bears wrong labels.

For the probability p that the classifier gives a label, the loss is (1 - p^q) / q: cross-entropy for q towards 0, which
pulls hardest at what it finds unlikely, and twice as tolerant a mean absolute error for q = 1.
"""

import torch
from torch import nn

from core.config import PositiveFraction
from pretrain.methods.method import Method, Setting
from pretrain.objective import Batch, Outcome


class GeneralisedCrossEntropy(Method):
    """The method as a profile names it; ``q`` is 0.7 in all experiments of the paper."""

    q: PositiveFraction = 0.7

    def build(self, setting: Setting) -> nn.Module:
        return _Model(setting.classifier(), self.q)


class _Model(nn.Module):
    def __init__(self, encoder: nn.Module, q: float) -> None:
        super().__init__()
        self.encoder, self.q = encoder, q

    def forward(self, batch: Batch) -> Outcome:
        logits = self.encoder(batch.views[0])
        loss = generalised_cross_entropy(logits, batch.labels, self.q)
        return Outcome.trusting(batch.labels, logits, classification=loss)


def generalised_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, q: float) -> torch.Tensor:
    """The mean over samples; ``logits`` are ``[n, classes]``, ``labels`` ``[n]``, q lies in (0, 1]."""
    of_label = logits.log_softmax(dim=1).gather(1, labels.unsqueeze(1))
    return ((1 - (q * of_label).exp()) / q).mean()
