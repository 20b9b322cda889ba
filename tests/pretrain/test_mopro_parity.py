"""MoPro against figures measured on the authors' implementation, step by step, with one process and with two."""

import json

import pytest
import torch

from core.distributed import process_group, rank, world_size
from pretrain.methods.mopro.model import MoPro
from tests.support import PARITY
from tests.support.processes import in_two_processes
from tests.support.toy_world import BATCH, CLASSES, CONSTANTS, STEPS, ToyEncoder, as_batch, batch, epoch_of, first_queue

TOLERANCE = 1e-9


def trajectory() -> tuple[list[dict], torch.Tensor]:
    """Train in the toy world; the figures of every step, and the final prototypes."""
    method = MoPro(ToyEncoder(), CLASSES, CONSTANTS, seed=0).double()
    method.queue = first_queue()
    optimizer = torch.optim.SGD(method.encoder.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    wrapped = method
    if world_size() > 1:
        wrapped = torch.nn.parallel.DistributedDataParallel(method, forward_sync_buffers=False)
    share = slice(rank() * BATCH // world_size(), (rank() + 1) * BATCH // world_size())
    steps = []
    for step in range(STEPS):
        weak, strong, labels = (part[share] for part in batch(step))
        outcome = wrapped(as_batch([weak, strong], labels, epoch=epoch_of(step), step=step))
        optimizer.zero_grad()
        sum(outcome.losses.values()).backward()
        optimizer.step()
        steps.append(
            {
                "cls": outcome.losses["classification"].item(),
                "inst": outcome.losses["instance"].item(),
                "proto": outcome.losses["prototypical"].item() if "prototypical" in outcome.losses else 0.0,
                "kept_labels": outcome.labels[outcome.kept].tolist(),
                "proto_sum": method.prototypes.sum().item(),
                "queue_sum": method.queue.sum().item(),
                "wq": sum(parameter.abs().sum().item() for parameter in method.encoder.parameters()),
                "wk": sum(parameter.abs().sum().item() for parameter in method.momentum_encoder.parameters()),
            }
        )
    return steps, method.prototypes


def assert_as_measured(name: str, steps: list[dict], prototypes: torch.Tensor) -> None:
    measured = json.loads((PARITY / name).read_text())
    assert len(steps) == len(measured["steps"])
    for number, (ours, theirs) in enumerate(zip(steps, measured["steps"], strict=True)):
        assert ours["kept_labels"] == theirs["kept_labels"], f"step {number}"
        for key in ours.keys() - {"kept_labels"}:
            assert ours[key] == pytest.approx(theirs[key], abs=TOLERANCE, rel=TOLERANCE), f"step {number}, {key}"
    difference = prototypes - torch.tensor(measured["prototypes"], dtype=torch.float64)
    assert difference.abs().max() < TOLERANCE


def test_one_process():
    assert_as_measured("mopro_step.json", *trajectory())


def joined_trajectory() -> tuple[list[dict], list[list[float]]]:
    """The same as one of a job's processes; prototypes as lists, which outlive the process."""
    with process_group():
        steps, prototypes = trajectory()
    return steps, prototypes.tolist()


def test_two_processes():
    for number, (steps, prototypes) in enumerate(in_two_processes(joined_trajectory)):
        assert_as_measured(f"mopro_step_world2_rank{number}.json", steps, torch.tensor(prototypes, dtype=torch.float64))
