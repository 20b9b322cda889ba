"""One process in a group of its own: what goes through NCCL (gloo on a CPU) is the same as without a group."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import torch
import torch.distributed as dist

from benchmarks.gpu.parity import ONE_PROCESS, TOLERANCES
from benchmarks.gpu.report import Check
from benchmarks.step import StepSize
from core.arithmetic import ProcessArithmetic, use
from core.distributed import gather, joined
from core.errors import InputError
from core.processes import free_port
from pretrain.backbone import place
from pretrain.config import ArithmeticConfig
from pretrain.methods.mopro.model import MoPro
from pretrain.objective import Batch
from tests.support.authors_figures import differences, largest, trajectory

TOLERANCE = 1e-4  # of BatchNorm's sums over images in another order, in 32 bits


def checks(size: StepSize, device: torch.device) -> list[Check]:
    """Of rows that are gathered, of the toy world, and of a step of a ResNet, whose images are shuffled in a group.

    In a process of its own, as a group that has failed cannot be left.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_checks, size, device).result()


def _checks(size: StepSize, device: torch.device) -> list[Check]:
    os.environ |= {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    torch.set_num_threads(1)
    use(ProcessArithmetic(tf32="none"))
    rows = torch.randn(size.batch, size.embedding, device=device)
    alone = _step(size, device)
    with joined(device):
        backend = dist.get_backend()
        gathered = gather(rows)
        figure, in_the_toy_world = largest(differences(ONE_PROCESS, *trajectory(device)))
        in_a_group = _step(size, device)
    if torch.equal(in_a_group.seen, alone.seen):
        raise InputError("In a group the momentum encoder saw the images in their order: nothing was shuffled.")
    return [
        Check(f"rows gathered by {backend}", _largest(gathered, rows), 0.0),
        Check(
            f"24 steps in a group of {backend} and the authors' ({figure} differs most)",
            in_the_toy_world,
            TOLERANCES[torch.float64],
        ),
        Check("keys of shuffled images and of others", _largest(in_a_group.queue, alone.queue), TOLERANCE),
        Check("losses of that step", _largest(in_a_group.losses, alone.losses), TOLERANCE),
    ]


def _largest(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


class _Step(NamedTuple):
    """MoPro's first step.

    Attributes:
        seen: the images, as the momentum encoder saw them.
        losses: ``[3]``.
        queue: with the step's keys.
    """

    seen: torch.Tensor
    losses: torch.Tensor
    queue: torch.Tensor


def _step(size: StepSize, device: torch.device) -> _Step:
    torch.manual_seed(0)
    method = MoPro(size.encoder(), size.classes, size.mopro, seed=0)
    place(method, ArithmeticConfig(), device)
    seen: list[torch.Tensor] = []
    method.momentum_encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    views = [torch.randn(size.batch, 3, size.pixels, size.pixels).to(device) for _ in range(2)]
    labels = torch.randint(size.classes, (size.batch,)).to(device)
    outcome = method(Batch(views, labels, torch.arange(size.batch, device=device), epoch=0, step=0))
    return _Step(seen[0], torch.stack(list(outcome.losses.values())).detach(), method.queue)
