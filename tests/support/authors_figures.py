"""MoPro in the toy world, beside the figures that the authors' implementation gave there."""

import json
from typing import Any

import numpy as np
import torch

from core.distributed import rank, world_size
from pretrain.methods.mopro.model import MoPro
from tests.support import PARITY
from tests.support.toy_world import BATCH, CLASSES, CONSTANTS, STEPS, ToyEncoder, as_batch, batch, epoch_of, first_queue

LOSSES = {"cls": "classification", "inst": "instance", "proto": "prototypical"}  # as their figures call them
CPU = torch.device("cpu")

Steps = list[dict[str, Any]]


def trajectory(device: torch.device = CPU, precision: torch.dtype = torch.float64) -> tuple[Steps, torch.Tensor]:
    """Train in the toy world; the figures of every step, and the final prototypes ``[classes, embedding]``."""
    method = MoPro(ToyEncoder(), CLASSES, CONSTANTS, seed=0)
    method.queue = first_queue()
    method.to(device, precision)
    optimizer = torch.optim.SGD(method.encoder.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    wrapped: torch.nn.Module = method
    if world_size() > 1:
        wrapped = torch.nn.parallel.DistributedDataParallel(method, forward_sync_buffers=False)
    share = slice(rank() * BATCH // world_size(), (rank() + 1) * BATCH // world_size())
    steps = []
    for step in range(STEPS):
        weak, strong, labels = (part[share].to(device) for part in batch(step))
        views = [weak.to(precision), strong.to(precision)]
        outcome = wrapped(as_batch(views, labels, epoch=epoch_of(step), step=step))
        optimizer.zero_grad()
        torch.stack(list(outcome.losses.values())).sum().backward()
        optimizer.step()
        steps.append(
            {theirs: outcome.losses[ours].item() for theirs, ours in LOSSES.items() if ours in outcome.losses}
            | {
                "kept_labels": outcome.labels[outcome.kept].tolist(),
                "proto_sum": method.prototypes.sum().item(),
                "queue_sum": method.queue.sum().item(),
                "wq": sum(parameter.abs().sum().item() for parameter in method.encoder.parameters()),
                "wk": sum(parameter.abs().sum().item() for parameter in method.momentum_encoder.parameters()),
            }
        )
    return steps, method.prototypes


def differences(name: str, steps: Steps, prototypes: torch.Tensor) -> dict[str, float]:
    """By how much each figure differs from the authors', relative to theirs where that is above 1.

    Args:
        name: of the file with their figures.
        steps, prototypes: a trajectory.

    Returns:
        By step and name; infinite where a sample was kept that they left out, or with another label.
    """
    measured = json.loads((PARITY / name).read_text())
    assert len(steps) == len(measured["steps"])
    found = {}
    for number, (ours, theirs) in enumerate(zip(steps, measured["steps"], strict=True)):
        kept = ours["kept_labels"] == theirs["kept_labels"]
        found[f"step {number}, kept_labels"] = 0.0 if kept else float("inf")
        for key in (*LOSSES, "proto_sum", "queue_sum", "wq", "wk"):
            found[f"step {number}, {key}"] = abs(ours.get(key, 0.0) - theirs[key]) / max(1.0, abs(theirs[key]))
    authors = torch.tensor(measured["prototypes"], dtype=torch.float64)
    found["prototypes"] = float((prototypes.double().cpu() - authors).abs().max())
    return found


def largest(differences: dict[str, float]) -> tuple[str, float]:
    """The figure that differs most, and by how much; one that is no number comes first."""
    names = list(differences)
    number = int(np.argmax([differences[name] for name in names]))
    return names[number], differences[names[number]]
