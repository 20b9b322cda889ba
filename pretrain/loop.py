"""The training loop: any objective, one process or many, resumed where it was interrupted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from core.distributed import rank, world_size
from core.workspace import Workspace
from data.loading import Batch
from data.views import normalise
from pretrain.backbone import memory_format
from pretrain.checkpoints import load_tensors, save_tensors
from pretrain.config import PretrainConfig
from pretrain.objective import Objective, Outcome

STATE_FILE = "state.pt"


@dataclass
class TrainingState:
    """Everything that changes while a run goes on."""

    method: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int = 0

    def advance(self, outcome: Outcome, learning_rate: float) -> None:
        """One step of SGD on the sum of the losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad()
        self.scaler.scale(torch.stack(list(outcome.losses.values())).sum()).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1

    def save(self, path: Path) -> None:
        """Write the state, atomically."""
        state = {
            "step": self.step,
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        save_tensors(path, state)

    def restore(self, path: Path) -> None:
        """Continue from a written state, if there is one."""
        if not path.exists():
            return
        saved = load_tensors(path)
        self.step = saved["step"]
        self.method.load_state_dict(saved["method"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])


def train(
    state: TrainingState,
    batches_from: Callable[[int], Iterable[Batch]],
    steps_per_epoch: int,
    constants: PretrainConfig,
    workspace: Workspace,
    device: torch.device,
) -> None:
    """Train to the end of the schedule, from wherever the workspace's state file says.

    Losses are fetched from the device every ``log_every`` steps only, so that a step never waits for it.

    Args:
        state: of a fresh run; restored from the workspace if an earlier call was interrupted.
        batches_from: gives this rank's batches from a step on, to the end of the run.
        steps_per_epoch: how many batches make an epoch.
        constants: schedule, memory format, how often state and log are written.
        workspace: receives ``state.pt``, TensorBoard events and progress.
        device: where the method lives.
    """
    schedule, runtime = constants.schedule, constants.runtime
    state_file = workspace.folder / STATE_FILE
    state.restore(state_file)
    total = schedule.epochs * steps_per_epoch
    layout = memory_format(constants.arithmetic)
    objective = _across_ranks(state.method, device)
    state.method.train()
    board = SummaryWriter(str(workspace.folder / "tensorboard"), purge_step=state.step) if rank() == 0 else None
    for views, labels, _ in batches_from(state.step):
        epoch = state.step // steps_per_epoch
        learning_rate = schedule.learning_rate_in(epoch)
        images = [normalise(v.to(device, non_blocking=True)).contiguous(memory_format=layout) for v in views]
        outcome = objective(images, labels.to(device, non_blocking=True), epoch=epoch, step=state.step)
        state.advance(outcome, learning_rate)
        is_last = state.step == total
        if board and (is_last or state.step % runtime.log_every == 0):
            _log(board, outcome, learning_rate, state.step, f"epoch {epoch} step {state.step}/{total}")
        if board and (is_last or state.step % runtime.checkpoint_every == 0):
            state.save(state_file)
        workspace.progress(state.step, total, "steps")
    if board:
        board.close()


def _log(board: SummaryWriter, outcome: Outcome, learning_rate: float, step: int, position: str) -> None:
    scalars = {f"loss/{name}": value.item() for name, value in outcome.losses.items()}
    scalars |= {"kept": outcome.kept.float().mean().item(), "learning_rate": learning_rate}
    for name, value in scalars.items():
        board.add_scalar(name, value, step)
    print(position, *(f"{name} {value:.4g}" for name, value in scalars.items()))


def _across_ranks(method: nn.Module, device: torch.device) -> Objective:
    """The method as it is called in a step: gradients are averaged over ranks where there are several.

    Buffers are not broadcast: the queue and the prototypes are equal on all ranks by construction, and BatchNorm
    statistics are each rank's own, of which rank 0's are exported.
    """
    if world_size() == 1:
        return method
    return nn.parallel.DistributedDataParallel(
        method, device_ids=[device] if device.type == "cuda" else None, forward_sync_buffers=False
    )
