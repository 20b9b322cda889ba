"""MoPro's training step with ResNet-50: what it costs beside plain cross-entropy, and what of it is not the encoder.

``python -m benchmarks.step`` prints the table (some minutes). The arithmetic of a step is 4/3 of cross-entropy's: one
forward and backward pass, and a forward pass of the momentum encoder. The reference is the way of the authors' code:
the momentum encoder is moved parameter by parameter and computes the keys while the activations of the queries are
alive, images are gathered and shuffled in a single process too (where BatchNorm cannot tell, so that ours leaves it),
samples that were dropped are taken out of the batch, prototypes are moved sample by sample.
"""

import copy
import statistics
import sys
from functools import partial

import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import nn

from benchmarks.measuring import Comparison, compare, seconds, spread
from core.exit_status import exit_status_of
from pretrain.backbone import Classifier, ProjectingEncoder
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.methods.mopro.model import MoPro, correct_labels
from pretrain.methods.mopro.spec import MoProConfig
from pretrain.objective import Batch, Outcome

CLASSES, BATCH, SIZE, QUEUE, EMBEDDING = 1000, 256, 224, 8192, 128
SMALL_BATCH = 16  # of the whole step on a CPU
RESNET50 = BackboneConfig(depth=50)
ROUNDS = 5
CONFIG = MoProConfig(
    objective="mopro",
    embedding_size=EMBEDDING,
    temperature=0.1,
    encoder_momentum=0.999,
    queue_size=QUEUE,
    prototype_momentum=0.999,
    alpha=0.5,
    threshold=0.8,
    instance_weight=1,
    prototypical_weight=1,
    prototypical_from_epoch=0,
    correction_from_epoch=0,
)


class Remembered(nn.Module):
    """ResNet-50's parameters, and answers that cost nothing: what is left of a step is not the encoder's.

    The first value of an image is its number in the batch.
    """

    def __init__(self, encoder: ProjectingEncoder, logits: torch.Tensor, embeddings: torch.Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.logits = nn.Parameter(logits)
        self.embeddings = nn.Parameter(embeddings)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        numbers = images[:, 0, 0, 0].long()
        return self.logits[numbers], F.normalize(self.embeddings[numbers])


class AuthorsWay(nn.Module):
    """The same method, step by step as the authors' code does it."""

    def __init__(self, method: MoPro) -> None:
        super().__init__()
        self.encoder, self.momentum_encoder = copy.deepcopy(method.encoder), copy.deepcopy(method.momentum_encoder)
        self.queue, self.start, self.prototypes = method.queue.T.clone(), 0, method.prototypes.clone()

    def forward(self, batch: Batch) -> Outcome:
        (weak, strong), labels = batch.views, batch.labels
        logits, embeddings = self.encoder(weak)
        with torch.no_grad():
            parameters = zip(self.encoder.parameters(), self.momentum_encoder.parameters(), strict=True)
            for ours, slow in parameters:
                slow.data = slow.data * CONFIG.encoder_momentum + ours.data * (1 - CONFIG.encoder_momentum)
            gathered = torch.cat([strong])
            order = torch.randperm(len(gathered))
            _, keys = self.momentum_encoder(gathered[order])
            keys = torch.cat([keys])[order.argsort()]

        positive = torch.einsum("nc,nc->n", embeddings, keys).unsqueeze(1)
        negative = torch.einsum("nc,ck->nk", embeddings, self.queue.clone())
        instance = F.cross_entropy(
            torch.cat([positive, negative], dim=1) / CONFIG.temperature, torch.zeros(len(keys), dtype=torch.long)
        )
        prototype_logits = embeddings @ self.prototypes.clone().T / CONFIG.temperature
        labels, kept = correct_labels(logits.detach(), prototype_logits.detach(), labels, CONFIG)
        losses = {
            "classification": F.cross_entropy(logits[kept], labels[kept]),
            "instance": instance,
            "prototypical": F.cross_entropy(prototype_logits[kept], labels[kept]),
        }
        with torch.no_grad():
            momentum = CONFIG.prototype_momentum
            for embedding, label in zip(embeddings[kept], labels[kept], strict=True):
                self.prototypes[label] = self.prototypes[label] * momentum + (1 - momentum) * embedding
            self.prototypes = F.normalize(self.prototypes)
            self.queue[:, self.start : self.start + len(keys)] = keys.T
            self.start = (self.start + len(keys)) % QUEUE
        return Outcome(losses, labels, kept, logits.argmax(dim=1) == labels)


def measure() -> Comparison:
    """Everything of a step but the encoder's passes and the optimiser, at the paper's size; both must agree.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    labels = torch.randint(CLASSES, (BATCH,))
    logits = torch.randn(BATCH, CLASSES) + 8 * F.one_hot(labels, CLASSES) * (torch.rand(BATCH, 1) < 0.7)
    encoder = Remembered(ProjectingEncoder(RESNET50, CLASSES, EMBEDDING), logits, torch.randn(BATCH, EMBEDDING))
    ours = MoPro(encoder, CLASSES, CONFIG, seed=0)
    reference = AuthorsWay(ours)
    images = torch.zeros(BATCH, 3, SIZE, SIZE)
    images[:, 0, 0, 0] = torch.arange(BATCH)
    batch = Batch([images, images], labels, torch.arange(BATCH), epoch=0, step=0)

    for _ in range(2):  # the first finds prototypes of zeros
        mine, theirs = (method(batch) for method in (ours, reference))
        torch.testing.assert_close(mine.losses, theirs.losses)
        torch.testing.assert_close(ours.prototypes, reference.prototypes)
        assert 0 < theirs.kept.sum() < BATCH
    what = f"MoPro's step without encoder and optimiser, batch {BATCH}, {CLASSES} classes"
    return compare(
        what,
        "the authors' way",
        lambda: _train(reference, batch),
        lambda: _train(ours, batch),
        rounds=15,
        goal=5,
    )


def _train(method: nn.Module, batch: Batch) -> None:
    method.zero_grad()
    torch.stack(list(method(batch).losses.values())).sum().backward()


def main() -> int:
    """Gives the exit status."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    apart = measure()
    mopro = MoPro(ProjectingEncoder(RESNET50, CLASSES, EMBEDDING), CLASSES, CONFIG, seed=0)
    methods = {
        "cross-entropy": CrossEntropy(Classifier(RESNET50, CLASSES)),
        "MoPro, the authors' way": AuthorsWay(mopro),
        "MoPro": mopro,
    }
    views = [torch.randn(SMALL_BATCH, 3, SIZE, SIZE) for _ in range(2)]
    labels = torch.randint(CLASSES, (SMALL_BATCH,))
    of_method = {
        name: Batch(views[:1] if name == "cross-entropy" else views, labels, torch.arange(SMALL_BATCH), epoch=0, step=0)
        for name in methods
    }
    for name, method in methods.items():
        _train(method, of_method[name])
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            times[name].append(seconds(partial(_train, method, of_method[name])))
    rows = [_row(name, of_step, times["cross-entropy"]) for name, of_step in times.items()]
    print(f"ResNet-50, batch {SMALL_BATCH}, {SIZE} x {SIZE} pixels, one thread; the goal for MoPro is 1.40\n")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    whole = statistics.median(times["MoPro"]) * BATCH / SMALL_BATCH
    print(
        f"\n{apart.what}: {1000 * apart.our_seconds:.0f} ms;\n"
        f"of a step of that batch (computed from {SMALL_BATCH} images: {whole:.0f} s) {apart.our_seconds / whole:.2%}."
    )
    return 0


def _row(name: str, of_step: list[float], of_cross_entropy: list[float]) -> dict[str, str]:
    ratios = [ours / other for ours, other in zip(of_step, of_cross_entropy, strict=True)]
    return {
        "step": name,
        "ms": f"{1000 * statistics.median(of_step):.0f}",
        "/ cross-entropy": f"{statistics.median(ratios):.2f}",
        "lowest to highest": spread(ratios, 2),
    }


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
