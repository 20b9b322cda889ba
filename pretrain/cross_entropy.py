"""Cross-entropy on the labels as given."""

import torch.nn.functional as F
from torch import nn

from pretrain.objective import Batch, Outcome


class CrossEntropy(nn.Module):
    """Cross-entropy of one view.

    Args:
        encoder: maps images to class logits.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, batch: Batch) -> Outcome:
        (images,) = batch.views
        logits = self.encoder(images)
        return Outcome.trusting(batch.labels, logits, classification=F.cross_entropy(logits, batch.labels))
