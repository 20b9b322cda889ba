"""The toy world in which the authors' implementation was measured: a two-layer encoder and 24 batches, in float64."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pretrain.methods.mopro.spec import MoProConfig
from pretrain.objective import Batch

CLASSES, INPUT, HIDDEN, EMBEDDING, QUEUE, BATCH, STEPS = 10, 12, 32, 16, 64, 16, 24

CONSTANTS = MoProConfig(
    objective="mopro",
    embedding_size=EMBEDDING,
    temperature=0.1,
    encoder_momentum=0.9,
    queue_size=QUEUE,
    prototype_momentum=0.95,
    alpha=0.5,
    threshold=0.5,
    instance_weight=1,
    prototypical_weight=1,
    prototypical_from_epoch=1,
    correction_from_epoch=2,
)


def epoch_of(step: int) -> int:
    """Steps 0-5 are without prototypical loss, 6-11 with it, 12-23 with noise correction too."""
    return min(step // 6, 2)


class ToyEncoder(nn.Module):
    """Vectors to (logits, unit embeddings)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(INPUT, HIDDEN).double()
        self.classifier = nn.Linear(HIDDEN, CLASSES).double()
        self.projection = nn.Linear(HIDDEN, EMBEDDING).double()
        for number, parameter in enumerate(self.parameters()):
            values = np.random.RandomState(100 + number).standard_normal(tuple(parameter.shape)) * 0.5
            parameter.data = torch.from_numpy(values)

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.hidden(vectors).relu()
        return self.classifier(hidden), F.normalize(self.projection(hidden))


def first_queue() -> torch.Tensor:
    """``[QUEUE, EMBEDDING]`` unit rows."""
    columns = np.random.RandomState(7).standard_normal((EMBEDDING, QUEUE))
    return F.normalize(torch.from_numpy(columns), dim=0).T.contiguous()


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weak view, strong view and given labels of a step."""
    centers = np.random.RandomState(5).standard_normal((CLASSES, INPUT)) * 1.5
    rng = np.random.RandomState(1000 + step)
    labels = rng.randint(0, CLASSES, BATCH)
    weak = centers[labels] + 0.5 * rng.standard_normal((BATCH, INPUT))
    strong = centers[labels] + 0.5 * rng.standard_normal((BATCH, INPUT))
    given = labels.copy()
    flip = rng.rand(BATCH) < 0.3
    given[flip] = rng.randint(0, CLASSES, flip.sum())
    strange = rng.rand(BATCH) < 0.1
    weak[strange] = strong[strange] = 3 * rng.standard_normal((strange.sum(), INPUT))
    return torch.from_numpy(weak), torch.from_numpy(strong), torch.from_numpy(given)


def as_batch(views: list[torch.Tensor], labels: torch.Tensor, epoch: int, step: int) -> Batch:
    """What the training loop gives a method, of the first images of a training set."""
    return Batch(views, labels, torch.arange(len(labels)), epoch, step)
