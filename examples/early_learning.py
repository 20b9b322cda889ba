"""Early-learning regularisation (Liu et al., NeurIPS 2020, arXiv:2007.00151), which keeps what was learned first.

For every image a target t averages the classifier's probabilities p over the epochs, t <- beta t + (1 - beta) p, and
lambda log(1 - <p, t>) is added to cross-entropy: it draws p towards what the network said before it learned wrong
labels by heart. As in the authors' code (github.com/shengliu66/ELR), probabilities are clipped to [1e-4, 1 - 1e-4].
"""

import torch
import torch.nn.functional as F
from torch import nn

from core.config import Momentum, NotNegativeNumber
from core.distributed import gather
from pretrain.methods.method import Method, Setting
from pretrain.objective import Batch, Outcome

SMALLEST = 1e-4


class EarlyLearning(Method):
    """The method as a profile names it; the defaults are the authors' for CIFAR-10."""

    beta: Momentum = 0.7
    weight: NotNegativeNumber = 3.0

    def build(self, setting: Setting) -> nn.Module:
        return EarlyLearningModel(setting.classifier(), torch.zeros(setting.images, setting.classes), self)


class EarlyLearningModel(nn.Module):
    """An encoder with a target ``[images, classes]`` for every image of the training set."""

    targets: torch.Tensor

    def __init__(self, encoder: nn.Module, targets: torch.Tensor, config: EarlyLearning) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        self.register_buffer("targets", targets)  # part of the training state, as every buffer is

    def forward(self, batch: Batch) -> Outcome:
        logits = self.encoder(batch.views[0])
        probabilities = logits.softmax(dim=1).clamp(SMALLEST, 1 - SMALLEST)
        self._move_targets(batch.indices, F.normalize(probabilities.detach(), p=1))
        agreement = (probabilities * self.targets[batch.indices]).sum(dim=1)
        classification = F.cross_entropy(logits, batch.labels)
        early_learning = self.config.weight * (1 - agreement).log().mean()
        return Outcome.trusting(batch.labels, logits, classification=classification, early_learning=early_learning)

    def _move_targets(self, indices: torch.Tensor, probabilities: torch.Tensor) -> None:
        """By what all ranks saw: in the next epoch, an image may be another rank's."""
        seen, said = gather(indices), gather(probabilities)
        self.targets[seen] = self.config.beta * self.targets[seen] + (1 - self.config.beta) * said
