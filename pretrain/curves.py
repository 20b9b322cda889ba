"""Training curves: the mean of every loss and share over each epoch, kept on the device until the epoch ends."""

from pathlib import Path
from typing import Any

import torch

from core.distributed import rank, sum_over_ranks, world_size
from core.exhibits import CURVES_FILE
from core.files import write_json
from pretrain.objective import Outcome

DIGITS = 6  # significant ones that are written


class Curves:
    """Means of the finished epochs, and the sums of the one that goes on.

    All ranks make the same calls; what is summed over ranks lies with rank 0, whose state is written.

    Args:
        device: where the steps are computed.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.epochs: list[dict[str, float]] = []
        self.steps = 0
        self.sums: dict[str, torch.Tensor] = {}

    def add(self, outcome: Outcome, given: torch.Tensor) -> None:
        """Take a step into account without waiting for the device; ``given`` are its labels ``[n]`` from the web."""
        corrected = outcome.kept & (outcome.labels != given)
        values = {f"loss/{name}": loss.detach() for name, loss in outcome.losses.items()} | {
            "kept": outcome.kept.double().mean(),
            "corrected": corrected.double().mean(),
            "right": (outcome.right & outcome.kept).double().mean(),
        }
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.double()
        self.steps += 1

    def finish_epoch(self, epoch: int, learning_rate: float) -> None:
        """Turn the sums into means over all steps and ranks, of an epoch from 0; waits for the device."""
        self._collect()
        means = {name: total.item() / (self.steps * world_size()) for name, total in self.sums.items()}
        right = means.pop("right")
        means["accuracy"] = right / means["kept"] if means["kept"] else 0.0
        means["learning_rate"] = learning_rate
        self.epochs.append({"epoch": epoch} | {name: float(f"{value:.{DIGITS}g}") for name, value in means.items()})
        self.steps, self.sums = 0, {}

    def write(self, folder: Path) -> None:
        """Write the finished epochs, atomically: one object an epoch, all shares as fractions."""
        write_json(folder / CURVES_FILE, self.epochs)

    def state(self) -> dict[str, Any]:
        """What an interrupted run needs to go on; to be called on every rank."""
        self._collect()
        return {"epochs": list(self.epochs), "steps": self.steps, "sums": self.sums}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a written state."""
        self.epochs, self.steps = saved["epochs"], saved["steps"]
        share = 1.0 if rank() == 0 else 0.0
        self.sums = {name: share * total.to(self.device) for name, total in saved["sums"].items()}

    def _collect(self) -> None:
        """Move all ranks' sums to rank 0."""
        if world_size() == 1:
            return
        for name, total in self.sums.items():
            self.sums[name] = sum_over_ranks(total) * (rank() == 0)
