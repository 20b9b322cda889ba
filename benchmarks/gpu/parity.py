"""MoPro on the device beside the figures that the authors' implementation gave on a CPU."""

from collections.abc import Iterator

import torch

from benchmarks.gpu.report import Check
from core.arithmetic import ProcessArithmetic, use
from tests.support.authors_figures import differences, largest, trajectory

ONE_PROCESS = "mopro_step.json"
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}


def checks(device: torch.device) -> Iterator[Check]:
    """The figures of 24 steps in the toy world, in both precisions: losses, kept labels, prototypes, queue, weights."""
    use(ProcessArithmetic(tf32="none"))
    for precision, tolerance in TOLERANCES.items():
        figure, difference = largest(differences(ONE_PROCESS, *trajectory(device, precision)))
        name = str(precision).removeprefix("torch.")
        yield Check(f"24 steps in {name} and the authors' ({figure} differs most)", difference, tolerance)
