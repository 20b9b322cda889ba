"""Training steps of cross-entropy and MoPro, compiled or not, in turn with the authors' way of MoPro's."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import nn

from benchmarks.gpu.peak import flops_of_an_image, peak_memory
from benchmarks.gpu.report import release_memory
from benchmarks.gpu.sizes import Sizes, configuration
from benchmarks.measuring import Comparison, in_turn, matrix_peak, spread, waited_for
from benchmarks.step import AUTHORS, CROSS_ENTROPY, MOPRO, AuthorsWay, StepSize
from benchmarks.throughput import Training
from core.arithmetic import ProcessArithmetic, use
from core.errors import InputError
from pretrain.backbone import ProjectingEncoder
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.mopro.model import MoPro
from pretrain.objective import Batch

COMPILED = ", compiled"
NOT_ON_A_CPU = "not on a CPU"
GOAL_RATIO, GOAL_RATE, GOAL_SHARE = 1.5, 2400, 0.03
WARM_UP = 2  # rounds; in the first, networks are compiled
BATCHES = 4  # are tried, each half of the one before, until one fits


@dataclass(frozen=True)
class Arithmetic:
    """How the device computes.

    Attributes:
        name: as printed.
        process: what matrix products and convolutions of 32 bits are rounded to.
        precision: of the trunk.
    """

    name: str
    process: ProcessArithmetic
    precision: str

    @property
    def needs_a_gpu(self) -> bool:
        """A CPU has no TF32, so that there the figures would be float32's again."""
        return self.precision == "float32" and self.process.tf32 == "all"


ARITHMETICS = (
    Arithmetic("float32", ProcessArithmetic(tf32="none"), "float32"),
    Arithmetic("TF32", ProcessArithmetic(tf32="all"), "float32"),
    Arithmetic("bfloat16", ProcessArithmetic(), "bfloat16"),
)


@dataclass(frozen=True)
class Measured:
    """Trainings in one arithmetic.

    Attributes:
        arithmetic: theirs.
        batch: images in a step.
        seconds: of a step in every round, by training.
        flops: of a step for each image, by method; none of the authors' way.
        memory: bytes at most, by training; none on a CPU.
        peak: floating-point operations a second of a matrix product.
    """

    arithmetic: Arithmetic
    batch: int
    seconds: dict[str, list[float]]
    flops: dict[str, float]
    memory: dict[str, int]
    peak: float

    def rate(self, name: str) -> float:
        """Images a second, the median over rounds."""
        return self.batch / statistics.median(self.seconds[name])

    def rows(self) -> list[dict[str, str]]:
        """One for each training."""
        return [self._row(name) for name in self.seconds]

    def _row(self, name: str) -> dict[str, str]:
        seconds, flops = self.seconds[name], self.flops.get(name.removesuffix(COMPILED))
        row = dict.fromkeys(columns(), "")
        row |= {"step": name, "images/s": f"{self.rate(name):,.0f}"}
        row["from, to"] = spread([self.batch / of_step for of_step in seconds], 0)
        if name.startswith(MOPRO):
            ratios = [theirs / ours for theirs, ours in zip(self.seconds[AUTHORS], seconds, strict=True)]
            row |= {"authors' step / this": f"{statistics.median(ratios):.2f}", "lowest to highest": spread(ratios, 2)}
        row["goal"] = _goal(name, self.arithmetic)
        if flops:
            reached = flops * self.rate(name)
            row |= {"TFLOP/s": f"{reached / 1e12:.3g}", "of the peak": f"{reached / self.peak:.0%}"}
        row["peak memory (GiB)"] = f"{self.memory[name] / 2**30:.1f}" if name in self.memory else NOT_ON_A_CPU
        return row


def _goal(name: str, arithmetic: Arithmetic) -> str:
    if name.startswith(MOPRO) and name != AUTHORS:
        return f"{GOAL_RATIO:g} times"
    if name.startswith(CROSS_ENTROPY) and arithmetic.precision == "bfloat16":
        return f"{GOAL_RATE:,} images/s"
    return ""


def columns() -> tuple[str, ...]:
    """Of the table of trainings."""
    return (
        "step",
        "images/s",
        "from, to",
        "authors' step / this",
        "lowest to highest",
        "goal",
        "TFLOP/s",
        "of the peak",
        "peak memory (GiB)",
    )


def trainings(arithmetic: Arithmetic, sizes: Sizes) -> list[str]:
    """What is measured in an arithmetic, by name."""
    compiled = [CROSS_ENTROPY + COMPILED, MOPRO + COMPILED] if arithmetic.name in sizes.compiled else []
    return [AUTHORS, CROSS_ENTROPY, MOPRO, *compiled]


def rows_without_a_gpu(arithmetic: Arithmetic, sizes: Sizes) -> list[dict[str, str]]:
    """What stands in the table of an arithmetic that this device lacks."""
    return [dict.fromkeys(columns(), NOT_ON_A_CPU) | {"step": name} for name in trainings(arithmetic, sizes)]


def measure(arithmetic: Arithmetic, sizes: Sizes, device: torch.device) -> Measured:
    """Images a second, memory and utilisation, with the largest batch that fits.

    Raises:
        InputError: none does.
    """
    use(arithmetic.process)
    batches = [sizes.step.batch >> halvings for halvings in range(BATCHES)]
    for batch in batches:
        with suppress(torch.OutOfMemoryError):
            return _measure(arithmetic, replace(sizes, step=replace(sizes.step, batch=batch)), device)
        release_memory()
    raise InputError(f"Not even a batch of {batches[-1]} images fits into the memory of {device}: use a larger GPU.")


def _measure(arithmetic: Arithmetic, sizes: Sizes, device: torch.device) -> Measured:
    torch.compiler.reset()  # what was compiled for another arithmetic counts towards the limit of recompilations
    torch.manual_seed(0)
    size, precision = sizes.step, arithmetic.precision
    views = [torch.randn(size.batch, 3, size.pixels, size.pixels, device=device) for _ in range(2)]
    views_of_ours = [view.contiguous(memory_format=torch.channels_last) for view in views]
    methods = {CROSS_ENTROPY: CrossEntropyConfig(objective="cross-entropy"), MOPRO: size.mopro}
    steps: dict[str, Step] = {AUTHORS: AuthorsTraining(size, precision, views, device)}
    flops = {name: flops_of_an_image(size, method, device) for name, method in methods.items()}
    for name in trainings(arithmetic, sizes)[1:]:
        method = methods[name.removesuffix(COMPILED)]
        config = configuration(size, method, precision)
        steps[name] = Training(config, views_of_ours[: len(method.views)], device, compiles=name.endswith(COMPILED))
    ways = {name: waited_for(step, sizes.steps, device) for name, step in steps.items()}
    in_turn(ways, WARM_UP)
    memory = {}
    if device.type == "cuda":
        memory = {name: peak_memory(it, it.method, it.optimizer, it.views, device) for name, it in steps.items()}
    peak = matrix_peak(sizes.matrix, precision, device)
    times = in_turn(ways, sizes.rounds)
    seconds = {name: [of_round / sizes.steps for of_round in of_way] for name, of_way in times.items()}
    return Measured(arithmetic, size.batch, seconds, flops, memory, peak)


class Step(Protocol):
    """A training, which makes a step when it is called, and what it keeps between two steps."""

    @property
    def method(self) -> nn.Module: ...
    @property
    def optimizer(self) -> torch.optim.Optimizer: ...
    @property
    def views(self) -> Sequence[torch.Tensor]: ...
    def __call__(self) -> None: ...


class AuthorsTraining:
    """A training step in the authors' way, with SGD as they call it; images and weights have channels first."""

    def __init__(self, size: StepSize, precision: str, views: list[torch.Tensor], device: torch.device) -> None:
        encoder = ProjectingEncoder(size.backbone, size.classes, size.embedding, precision)
        self.method = AuthorsWay(MoPro(encoder, size.classes, size.mopro, seed=0).to(device))
        self.optimizer = torch.optim.SGD(self.method.encoder.parameters(), 1e-3, momentum=0.9, weight_decay=1e-4)
        self.views = views
        self.labels = torch.randint(size.classes, (size.batch,), device=device)
        self.indices = torch.arange(size.batch, device=device)

    def __call__(self) -> None:
        outcome = self.method(Batch(self.views, self.labels, self.indices, epoch=0, step=0))
        self.optimizer.zero_grad()
        torch.stack(list(outcome.losses.values())).sum().backward()
        self.optimizer.step()


def steps_of_mopro(measured: Sequence[Measured]) -> Iterator[tuple[str, Measured, str]]:
    """Ours, in every arithmetic: a name for it, where it was measured, and as what."""
    for of in measured:
        for name in of.seconds:
            if name.startswith(MOPRO) and name != AUTHORS:
                yield f"{of.arithmetic.name}{name.removeprefix(MOPRO)}", of, name


def rates_of_mopro(measured: Sequence[Measured]) -> dict[str, float]:
    """Images a second of our steps."""
    return {f"MoPro's step in {full}": of.rate(name) for full, of, name in steps_of_mopro(measured)}


def rows_beside_the_encoder(apart: Comparison, batch: int, measured: Sequence[Measured]) -> list[dict[str, str]]:
    """What share of MoPro's step is neither the encoder's nor the optimiser's.

    Args:
        apart: measured without encoder and optimiser.
        batch: for which that was.
        measured: whole steps; those of another batch are scaled to this one.
    """
    wholes = {full: batch / of.rate(name) for full, of, name in steps_of_mopro(measured)}
    return [
        {
            "MoPro's step in": name,
            "whole (ms)": f"{1000 * whole:.1f}",
            "beside the encoder (ms)": f"{1000 * apart.our_seconds:.1f}",
            "share": f"{apart.our_seconds / whole:.1%}",
            "goal": f"{GOAL_SHARE:.0%}",
        }
        for name, whole in wholes.items()
    ]
