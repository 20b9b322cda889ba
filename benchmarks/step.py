"""MoPro's training step with ResNet-50: what it costs beside plain cross-entropy, and what of it is not the encoder.

``python -m benchmarks.step`` prints the table (some minutes). The arithmetic of a step is 4/3 of cross-entropy's: one
forward and backward pass, and a forward pass of the momentum encoder. The reference is the way of the authors' code:
the momentum encoder is moved parameter by parameter and computes the keys while the activations of the queries are
alive, images are gathered and shuffled in a single process too (where BatchNorm cannot tell, so that ours leaves it),
samples that were dropped are taken out of the batch, prototypes are moved sample by sample.
"""

import copy
import re
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import images
from benchmarks.measuring import Comparison, compare, in_turn, matrix_peak, spread, wait_for, waited_for
from core.exit_status import exit_status_of
from core.workspace import Workspace
from pretrain.backbone import Classifier, ProjectingEncoder, compile_networks, memory_format, place
from pretrain.config import ArithmeticConfig, BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.methods.mopro.model import MoPro, correct_labels
from pretrain.methods.mopro.spec import MoProConfig
from pretrain.objective import Batch, Outcome
from profiles.load import load_profile
from profiles.schema import Profile


@dataclass(frozen=True)
class StepSize:
    """What a step works on.

    Attributes:
        backbone: the ResNet.
        classes: number of classes.
        batch: number of images.
        pixels: side of an image.
        queue: number of keys.
        embedding: size of an embedding.
    """

    backbone: BackboneConfig
    classes: int
    batch: int
    pixels: int
    queue: int
    embedding: int

    @property
    def mopro(self) -> MoProConfig:
        """The paper's hyperparameters; prototypes and noise correction serve from the first epoch."""
        return MoProConfig(
            objective="mopro",
            embedding_size=self.embedding,
            temperature=0.1,
            encoder_momentum=0.999,
            queue_size=self.queue,
            prototype_momentum=0.999,
            alpha=0.5,
            threshold=0.8,
            instance_weight=1,
            prototypical_weight=1,
            prototypical_from_epoch=0,
            correction_from_epoch=0,
        )

    def encoder(self) -> ProjectingEncoder:
        """A fresh one."""
        return ProjectingEncoder(self.backbone, self.classes, self.embedding)


PAPER = StepSize(BackboneConfig(depth=50), classes=1000, batch=256, pixels=224, queue=8192, embedding=128)
STEPS = 20  # of the miniature, in which its time is read
SMALL_BATCH = 16  # of the whole step on a CPU
ROUNDS = 5
CPU = torch.device("cpu")
OURS = ArithmeticConfig(precision="float32", channels_last=True)
SIDE = 1024  # of the matrices whose product shows what the processor reaches
CONVOLUTIONS = "convolutions"
CROSS_ENTROPY, AUTHORS, MOPRO = "cross-entropy", "MoPro, the authors' way", "MoPro"
OPERATIONS = {  # torch's, by what they are called here
    CONVOLUTIONS: re.compile("convolution|conv2d"),
    "batch normalisation": re.compile("batch_norm"),
    "ReLU, sums and pooling": re.compile("relu|threshold|aten::add_?$|pool"),
}


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
        self.config = method.config

    def forward(self, batch: Batch) -> Outcome:
        (weak, strong), labels, config = batch.views, batch.labels, self.config
        logits, embeddings = self.encoder(weak)
        with torch.no_grad():
            parameters = zip(self.encoder.parameters(), self.momentum_encoder.parameters(), strict=True)
            for ours, slow in parameters:
                slow.data = slow.data * config.encoder_momentum + ours.data * (1 - config.encoder_momentum)
            gathered = torch.cat([strong])
            order = torch.randperm(len(gathered), device=strong.device)
            _, keys = self.momentum_encoder(gathered[order])
            keys = torch.cat([keys])[order.argsort()]

        positive = torch.einsum("nc,nc->n", embeddings, keys).unsqueeze(1)
        negative = torch.einsum("nc,ck->nk", embeddings, self.queue.clone())
        first = torch.zeros(len(keys), dtype=torch.long, device=strong.device)
        instance = F.cross_entropy(torch.cat([positive, negative], dim=1) / config.temperature, first)
        prototype_logits = embeddings @ self.prototypes.clone().T / config.temperature
        labels, kept = correct_labels(logits.detach(), prototype_logits.detach(), labels, config)
        losses = {
            "classification": F.cross_entropy(logits[kept], labels[kept]),
            "instance": instance,
            "prototypical": F.cross_entropy(prototype_logits[kept], labels[kept]),
        }
        with torch.no_grad():
            momentum = config.prototype_momentum
            for embedding, label in zip(embeddings[kept], labels[kept], strict=True):
                self.prototypes[label] = self.prototypes[label] * momentum + (1 - momentum) * embedding
            self.prototypes = F.normalize(self.prototypes)
            self.queue[:, self.start : self.start + len(keys)] = keys.T
            self.start = (self.start + len(keys)) % self.queue.shape[1]
        return Outcome(losses, labels, kept, logits.argmax(dim=1) == labels)


def measure(size: StepSize = PAPER, device: torch.device = CPU, rounds: int = 15) -> Comparison:
    """Everything of a step but the encoder's passes and the optimiser; both ways must agree before they are timed.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    labels = torch.randint(size.classes, (size.batch,))
    logits = torch.randn(size.batch, size.classes)
    logits += 8 * F.one_hot(labels, size.classes) * (torch.rand(size.batch, 1) < 0.7)
    encoder = Remembered(size.encoder(), logits, torch.randn(size.batch, size.embedding))
    ours = MoPro(encoder, size.classes, size.mopro, seed=0).to(device)
    reference = AuthorsWay(ours)
    images = torch.zeros(size.batch, 3, size.pixels, size.pixels)
    images[:, 0, 0, 0] = torch.arange(size.batch)
    views = [images.to(device)] * 2
    batch = Batch(views, labels.to(device), torch.arange(size.batch, device=device), epoch=0, step=0)

    for _ in range(2):  # the first finds prototypes of zeros
        mine, theirs = (method(batch) for method in (ours, reference))
        torch.testing.assert_close(mine.losses, theirs.losses)
        torch.testing.assert_close(ours.prototypes, reference.prototypes)
        assert 0 < theirs.kept.sum() < size.batch
    what = f"MoPro's step without encoder and optimiser, batch {size.batch}, {size.classes} classes"
    return compare(
        what,
        "the authors' way",
        lambda: _train(reference, batch),
        lambda: _train(ours, batch),
        rounds=rounds,
        goal=5,
    )


def _train(method: nn.Module, batch: Batch) -> None:
    method.zero_grad()
    torch.stack(list(method(batch).losses.values())).sum().backward()
    wait_for(batch.labels.device)


def main() -> int:
    """Gives the exit status."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    apart = measure()
    ways = {name: partial(_train, *way) for name, way in _methods().items()}
    in_turn(ways, 1)
    times = in_turn(ways, ROUNDS)
    of_images = f"batch {SMALL_BATCH}, {PAPER.pixels} x {PAPER.pixels} pixels"
    goals = f"{MOPRO} at most 1.40 times {CROSS_ENTROPY}, {AUTHORS} at least 1.5 times {MOPRO}"
    print(f"ResNet-50, {of_images}, one thread; the goals: {goals}\n")
    print(tabulate([_row(name, times) for name in times], headers="keys", tablefmt="github"))
    whole = statistics.median(times[MOPRO])
    paper = whole * PAPER.batch / SMALL_BATCH
    print(
        f"\n{apart.what}: {1000 * apart.our_seconds:.0f} ms;\n"
        f"of a step of that batch (computed from {SMALL_BATCH} images: {paper:.0f} s) {apart.our_seconds / paper:.2%}."
    )
    print(f"\nWhere the processor's time goes in that step of {MOPRO}:\n")
    print(tabulate(_where_it_goes(ways[MOPRO]), headers="keys", tablefmt="github"))
    mini = load_profile("mini")
    print(f"\nIn the miniature's, {mini.pretrain.schedule.batch_size} images, without views and optimiser:\n")
    print(tabulate(_where_it_goes(_steps_of(mini)), headers="keys", tablefmt="github"))
    assert mini.miniature is not None
    side = mini.miniature.image_size
    print(f"\nIn its two views of one image of {side} x {side}:\n")
    print(tabulate(images.where_time_goes((side, side), mini.pretrain.views), headers="keys", tablefmt="github"))
    return 0


def _steps_of(profile: Profile) -> Callable[[], object]:
    """Some of MoPro's steps as a profile has them, but for instructions, which a process is held to from its start."""
    (part,), method = profile.data.webvision.values(), profile.methods["mopro"]
    assert isinstance(method, MoProConfig)
    pretraining = profile.pretrain
    batch, pixels = pretraining.schedule.batch_size, pretraining.views.size
    size = StepSize(pretraining.backbone, part.classes, batch, pixels, method.queue_size, method.embedding_size)
    mopro = MoPro(size.encoder(), size.classes, method, seed=0)
    place(mopro, OURS, CPU)
    view = torch.randn(batch, 3, pixels, pixels).contiguous(memory_format=memory_format(OURS))
    labels = torch.randint(size.classes, (batch,))
    step = partial(
        _train, mopro, Batch([view, view], labels, torch.arange(batch), epoch=method.correction_from_epoch, step=0)
    )
    step()
    return waited_for(step, STEPS, CPU)


def _methods() -> dict[str, tuple[nn.Module, Batch]]:
    """Each with its batch: ours with channels last, as the profiles have it, the authors' way with channels first."""
    views = [torch.randn(SMALL_BATCH, 3, PAPER.pixels, PAPER.pixels) for _ in range(2)]
    labels, indices = torch.randint(PAPER.classes, (SMALL_BATCH,)), torch.arange(SMALL_BATCH)
    last = [view.contiguous(memory_format=memory_format(OURS)) for view in views]
    theirs, ours, of_one = (Batch(of, labels, indices, epoch=0, step=0) for of in (views, last, last[:1]))
    mopro = MoPro(PAPER.encoder(), PAPER.classes, PAPER.mopro, seed=0)
    cross_entropy = CrossEntropy(Classifier(PAPER.backbone, PAPER.classes))
    channels_last, compiled = copy.deepcopy(mopro), copy.deepcopy(mopro)
    for module in (cross_entropy, channels_last, compiled):
        place(module, OURS, CPU)
    compile_networks(compiled, Workspace(Path(), compiles=True))
    return {
        CROSS_ENTROPY: (cross_entropy, of_one),
        AUTHORS: (AuthorsWay(mopro), theirs),
        MOPRO: (channels_last, ours),
        f"{MOPRO}, channels first": (mopro, theirs),
        f"{MOPRO}, compiled": (compiled, ours),
    }


def _row(name: str, times: Mapping[str, list[float]]) -> dict[str, str]:
    to_cross_entropy = [ours / other for ours, other in zip(times[name], times[CROSS_ENTROPY], strict=True)]
    authors = [theirs / ours for theirs, ours in zip(times[AUTHORS], times[name], strict=True)]
    return {
        "step": name,
        "ms": f"{1000 * statistics.median(times[name]):.0f}",
        f"/ {CROSS_ENTROPY}": f"{statistics.median(to_cross_entropy):.2f} ({spread(to_cross_entropy, 2)})",
        "authors' way / this": f"{statistics.median(authors):.2f} ({spread(authors, 2)})",
    }


def _where_it_goes(steps: Callable[[], object]) -> list[dict[str, str]]:
    """The time of some steps by what computes it, without what an operation spends in those that it calls.

    Convolutions stand beside their floor: their arithmetic, at the rate of a product of matrices on this machine.
    """
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        steps()
    taken = dict.fromkeys([*OPERATIONS, "all else"], 0.0)
    for event in profiled.key_averages():
        part = next((part for part, names in OPERATIONS.items() if names.search(event.key)), "all else")
        taken[part] += event.self_cpu_time_total / 1e6
    with FlopCounterMode(display=False) as counter:
        steps()
    operations = counter.get_flop_counts()["Global"].items()
    arithmetic = sum(count for operation, count in operations if OPERATIONS[CONVOLUTIONS].search(str(operation)))
    floor = arithmetic / matrix_peak(SIDE, "float32", CPU)
    whole = sum(taken.values())
    shares = {name: f"{seconds / whole:.0%}" for name, seconds in taken.items()}
    floors = {CONVOLUTIONS: f"{floor / whole:.0%}"}
    return [{"part": name, "share": share, "floor": floors.get(name, "")} for name, share in shares.items()]


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
