"""The training loop: any objective, one process or many, resumed where it was interrupted."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from core import interruption
from core.distributed import on_any_rank, rank, wait_for_all, world_size
from core.errors import InputError
from core.user_code import called
from core.workspace import Workspace
from data.loading import Order, TrainingBatches
from pretrain.backbone import compile_networks, place
from pretrain.config import TrainingConfig
from pretrain.curves import Curves
from pretrain.divergence import LossWatch, require_finite_state
from pretrain.objective import Batch, Objective, Outcome, require_outcome
from pretrain.resumption import LOADING_ERRORS, incompatible_state, newest_whole
from pretrain.sources import Source
from pretrain.tensor_files import save_tensors

STATES = STATE_FILE, PREVIOUS_STATE_FILE = "state.pt", "state.previous.pt"


@dataclass
class TrainingState:
    """Everything that changes while a run goes on."""

    method: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    curves: Curves
    losses: LossWatch
    step: int = 0

    @classmethod
    def fresh(cls, method: nn.Module, config: TrainingConfig, device: torch.device) -> "TrainingState":
        """Move the method to the device and begin with step 0; parameters that require no gradient stay as they are."""
        place(method, config.arithmetic, device)
        schedule = config.schedule
        optimizer = torch.optim.SGD(
            [parameter for parameter in method.parameters() if parameter.requires_grad],
            schedule.learning_rate,
            schedule.momentum,
            weight_decay=schedule.weight_decay,
        )
        scaler = torch.amp.GradScaler(device.type, enabled=config.arithmetic.precision == "float16")
        return cls(method, optimizer, scaler, Curves(device), LossWatch(device, type(method).forward))

    def advance(self, outcome: Outcome, learning_rate: float) -> None:
        """One step of SGD on the sum of the losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad()
        loss = torch.stack(list(outcome.losses.values())).sum()
        self.losses.see({**outcome.losses, "": loss}, self.step + 1, learning_rate)
        called(self.scaler.scale(loss).backward, whose=self.losses.whose, passing=(torch.OutOfMemoryError,))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1

    def save(self, folder: Path) -> None:
        """Write the state, atomically, and keep the one before; called on every rank, of which the first writes.

        Raises:
            InputError: a loss since the last one, or a number in it, is not finite.
        """
        self.losses.require_finite()
        state = {
            "step": self.step,
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "curves": self.curves.state(),
        }
        if rank() != 0:
            return
        require_finite_state(state, self.step, self.optimizer.param_groups[0]["lr"], self.losses.whose)
        if (folder / STATE_FILE).exists():
            os.replace(folder / STATE_FILE, folder / PREVIOUS_STATE_FILE)
        save_tensors(folder / STATE_FILE, state)

    def restore(self, folder: Path) -> None:
        """Continue from the newest state that is whole, if there is one; say so where it is not the newest.

        Raises:
            InputError: a state cannot be read, or is whole but not of this training.
        """
        there = [number for number, name in enumerate(STATES) if (folder / name).exists()]
        resumed = newest_whole(there, lambda number: folder / STATES[number], self.curves.device)
        if resumed is None:
            return
        path, saved = resumed
        try:
            self.method.load_state_dict(saved["method"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.scaler.load_state_dict(saved["scaler"])
            if "curves" in saved:  # earlier versions kept none
                self.curves.restore(saved["curves"])
            self.step = saved["step"]
        except LOADING_ERRORS as error:
            raise incompatible_state(path, error) from None


def train(
    method: nn.Module,
    source: Source,
    order: Order,
    config: TrainingConfig,
    workspace: Workspace,
    device: torch.device,
    after_epoch: Callable[[int], None] | None = None,
) -> int:
    """Train to the end of the schedule, from wherever the workspace's state file says.

    Losses are fetched from the device every ``log_every`` steps only, so that a step never waits for it; one that is
    not finite is noticed then, or before anything is written, and stops the training.

    Args:
        method: an objective as a module, initialised; trained in place.
        source: the training samples, with the views that the method asks for.
        order: of the samples of an epoch.
        config: schedule, arithmetic, how often state and log are written.
        workspace: receives ``state.pt`` and the one before it, ``curves.json``, TensorBoard events and progress.
        device: where to compute.
        after_epoch: called with the number of finished epochs, on every rank, before the state of that moment is
            written: after an interruption it can be called again for the same epoch, with the same parameters.

    Returns:
        The number of steps.

    Raises:
        InputError: the processes don't divide the batch, there are fewer images than a batch needs, a state cannot be
            gone on from, or the loss stops being finite.
        Interrupted: a process of the job was asked to stop; all leave after the same step, with the state written.
    """
    schedule, runtime = config.schedule, config.runtime
    steps_per_epoch = _steps_per_epoch(source, schedule.batch_size)
    total = schedule.epochs * steps_per_epoch
    state = TrainingState.fresh(method, config, device)
    state.restore(workspace.folder)
    sampler = TrainingBatches(
        len(source),
        schedule.batch_size,
        schedule.epochs,
        order,
        first_step=state.step,
        rank=rank(),
        world_size=world_size(),
    )
    compile_networks(method, workspace)
    objective = _across_ranks(method, device)
    board = SummaryWriter(str(workspace.folder / "tensorboard"), purge_step=state.step) if rank() == 0 else None
    method.train()
    for samples in source.batches(sampler):
        epoch = state.step // steps_per_epoch
        learning_rate = schedule.learning_rate_in(epoch)
        outcome = objective(Batch(*samples, epoch, state.step))
        require_outcome(outcome, method, len(samples.labels))
        state.curves.add(outcome, samples.labels)
        state.advance(outcome, learning_rate)
        is_last, ends_epoch = state.step == total, state.step % steps_per_epoch == 0
        is_logged = is_last or state.step % runtime.log_every == 0
        if is_logged or ends_epoch:
            state.losses.require_finite()
        if board and is_logged:
            _log(board, outcome, learning_rate, state.step, f"epoch {epoch} step {state.step}/{total}")
        if ends_epoch:
            state.curves.finish_epoch(epoch, learning_rate)
            if board:
                state.curves.write(workspace.folder)
        if after_epoch and ends_epoch:
            after_epoch(epoch + 1)
            method.train()
        is_stopping = not is_last and on_any_rank(bool(interruption.received()))
        if is_last or is_stopping or state.step % runtime.checkpoint_every == 0:
            state.save(workspace.folder)
        workspace.progress(state.step, total, "steps")
        if is_stopping:
            wait_for_all()
            raise interruption.Interrupted
    if board:
        board.close()
    return state.step


def _steps_per_epoch(source: Source, batch_size: int) -> int:
    if batch_size % world_size():
        raise InputError(f"schedule.batch_size {batch_size} is not divisible by {world_size()} processes: change one.")
    if len(source) < batch_size:
        given = f"{source.origin} gives {len(source)} images"
        raise InputError(f"schedule.batch_size is {batch_size}, but {given}: lower it.")
    return len(source) // batch_size


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
        method,
        device_ids=[device] if device.type == "cuda" else None,
        forward_sync_buffers=False,
        # Otherwise gradients are bucketed anew after the first step of a process, by the order in which they came: they
        # would be summed in another order after an interruption, and round otherwise.
        find_unused_parameters=True,
    )
