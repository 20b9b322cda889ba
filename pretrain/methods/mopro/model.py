"""MoPro: learning from web labels with momentum prototypes (section 3 of the paper).

The method knows its encoder only as a map from images to (class logits, unit embeddings). Nothing in a step waits for
the device: samples that were found to be out of distribution are masked, not removed.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from core.distributed import gather, is_joined, rank, world_size
from core.seeds import generator
from pretrain.methods.mopro.spec import MoProConfig
from pretrain.objective import Batch, Outcome

IGNORED = -100


class MoPro(nn.Module):
    """The encoder with its momentum copy, the queue of keys and the prototypes.

    Args:
        encoder: maps ``[n, ...]`` images to logits ``[n, classes]`` and unit embeddings ``[n, embedding_size]``.
        classes: number of classes.
        config: hyperparameters of the method.
        seed: of the queue's first content and of the batch shuffling.
    """

    queue: torch.Tensor  # [queue_size, embedding_size], unit rows
    queue_start: torch.Tensor  # [], where the next keys are written
    prototypes: torch.Tensor  # [classes, embedding_size]; zeros, later unit rows
    exports = ("prototypes",)  # beside the encoder, as noise cleaning needs them

    def __init__(self, encoder: nn.Module, classes: int, config: MoProConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.encoder = encoder
        self.momentum_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self._average = get_ema_multi_avg_fn(config.encoder_momentum)
        keys = torch.from_numpy(generator(seed, "queue").standard_normal((config.queue_size, config.embedding_size)))
        self.register_buffer("queue", F.normalize(keys).to(torch.get_default_dtype()))
        self.register_buffer("queue_start", torch.zeros((), dtype=torch.long))
        self.register_buffer("prototypes", torch.zeros(classes, config.embedding_size))

    def forward(self, batch: Batch) -> Outcome:
        """Losses of a batch, whose views are the weak and the strong one, and whose labels are the web's."""
        (weak, strong), labels = batch.views, batch.labels
        all_keys = self._keys_of_all_ranks(strong, batch.step)
        keys = all_keys[rank() * len(strong) : (rank() + 1) * len(strong)]
        logits, embeddings = self.encoder(weak)
        prototype_logits = embeddings @ self.prototypes.T / self.config.temperature

        kept = torch.ones_like(labels, dtype=torch.bool)
        if batch.epoch >= self.config.correction_from_epoch:
            labels, kept = correct_labels(logits.detach(), prototype_logits.detach(), labels, self.config)
        losses = {
            "classification": masked_cross_entropy(logits, labels, kept),
            "instance": self.config.instance_weight * self._instance_loss(embeddings, keys),
        }
        if batch.epoch >= self.config.prototypical_from_epoch:
            loss = masked_cross_entropy(prototype_logits, labels, kept)
            losses["prototypical"] = self.config.prototypical_weight * loss

        # New tensors, because the backward pass still needs the old ones.
        self.queue, self.queue_start = self._enqueue(all_keys)
        self.prototypes = move_prototypes(
            self.prototypes, gather(embeddings), gather(labels), gather(kept), self.config.prototype_momentum
        )
        return Outcome(losses, labels, kept, logits.argmax(dim=1) == labels)

    @torch.no_grad()
    def _keys_of_all_ranks(self, images: torch.Tensor, step: int) -> torch.Tensor:
        """Move the momentum encoder, then embed all ranks' images with it, in rank order.

        With several ranks, each embeds a random part of the global batch, so that the statistics of its BatchNorm do
        not tell which keys belong to its own queries (He et al. 2020). All ranks draw the same permutation.
        """
        self._average(list(self.momentum_encoder.parameters()), list(self.encoder.parameters()), None)
        if not is_joined():
            return self.momentum_encoder(images)[1]
        order = generator(self.seed, "shuffle", step).permutation(world_size() * len(images))
        shuffled = torch.from_numpy(order).to(images.device, non_blocking=True)
        share = shuffled[rank() * len(images) : (rank() + 1) * len(images)]
        keys = gather(self.momentum_encoder(gather(images)[share])[1])
        return torch.empty_like(keys).index_copy_(0, shuffled, keys)

    def _instance_loss(self, embeddings: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Contrast each embedding with its own key against the queue."""
        positive = (embeddings * keys).sum(dim=1, keepdim=True)
        logits = torch.cat([positive, embeddings @ self.queue.T], dim=1) / self.config.temperature
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))

    def _enqueue(self, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        places = (self.queue_start + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        return self.queue.index_copy(0, places, keys), (self.queue_start + len(keys)) % len(self.queue)


def soft_scores(logits: torch.Tensor, prototype_logits: torch.Tensor, config: MoProConfig) -> torch.Tensor:
    """The soft label ``[n, classes]``: what the classifier and the prototypes make of a sample, weighted by alpha."""
    return config.alpha * logits.softmax(dim=1) + (1 - config.alpha) * prototype_logits.softmax(dim=1)


def correct_labels(
    logits: torch.Tensor, prototype_logits: torch.Tensor, labels: torch.Tensor, config: MoProConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise correction (section 3, "noise correction").

    A sample is kept if the soft score of its label is above chance; it takes the highest-scoring class, and is kept,
    if that class's score exceeds the threshold; any other sample counts as out of distribution.

    Args:
        logits: ``[n, classes]`` of the classifier.
        prototype_logits: ``[n, classes]`` similarities to the prototypes, divided by the temperature.
        labels: ``[n]`` as given.
        config: gives alpha, the weight of the classifier in the soft label, the threshold T, and what is above chance.

    Returns:
        Corrected labels ``[n]`` and a mask ``[n]`` that is True where the sample is kept.
    """
    soft = soft_scores(logits, prototype_logits, config)
    given_score = soft.gather(1, labels.unsqueeze(1)).squeeze(1)
    highest, highest_class = soft.max(dim=1)
    confident = highest > config.threshold
    above_chance = given_score > config.keep_above / soft.shape[1]
    return torch.where(confident, highest_class, labels), confident | above_chance


def masked_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the kept samples; 0, with zero gradients, where none is kept."""
    total = F.cross_entropy(logits, labels.where(kept, IGNORED), ignore_index=IGNORED, reduction="sum")
    return total / kept.sum().clamp(min=1)


def move_prototypes(
    prototypes: torch.Tensor, embeddings: torch.Tensor, labels: torch.Tensor, kept: torch.Tensor, momentum: float
) -> torch.Tensor:
    """Move each kept sample's prototype towards its embedding, one by one (section 3, "momentum prototypes").

    For the kept embeddings e_1 ... e_n of a class, in order, the repeated step p <- m p + (1 - m) e has the closed form
    p <- m^n p + (1 - m) (m^(n-1) e_1 + ... + m^0 e_n). It is computed for the class of every sample; samples of one
    class come to the same prototype, and a class without kept samples to the one it had.

    Args:
        prototypes: ``[classes, d]``.
        embeddings: ``[n, d]`` of all ranks, in order.
        labels: ``[n]``.
        kept: ``[n]`` boolean.
        momentum: m.

    Returns:
        New prototypes ``[classes, d]``, rows scaled to unit length (a row of zeros stays).
    """
    same_class = ((labels.unsqueeze(1) == labels) & kept).to(embeddings.dtype)  # [n, n], columns are kept samples
    moves = same_class.sum(dim=1, keepdim=True)
    moves_after = same_class.triu(diagonal=1).sum(dim=1, keepdim=True)
    weighted = (1 - momentum) * momentum**moves_after * embeddings
    moved = momentum**moves * prototypes[labels] + same_class @ weighted
    return F.normalize(prototypes.index_copy(0, labels, moved))
