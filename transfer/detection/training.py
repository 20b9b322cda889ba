"""The training of a detector in mmengine's Runner, resumed at the very iteration where it was interrupted."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import HOOKS, LOOPS
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from core import interruption
from core.distributed import copy_from_first_rank, on_any_rank, rank, sum_over_ranks, wait_for_all, world_size
from core.seeds import generator
from core.workspace import Workspace
from data.sets.coco.reader import COCOSplit
from pretrain.divergence import LossWatch, require_finite_state
from pretrain.resumption import LOADING_ERRORS, Resumed, incompatible_state, newest_whole
from transfer.detection.config import DetectionConfig
from transfer.detection.data import training_batches
from transfer.detection.mmdet_config import learning_rate_config, optimiser_config

TRAINING = "training"  # mmengine's folder in that of the job
STATE = re.compile(r"iter_(\d+)\.pth")  # mmengine's training states in it
NORMALISATION = (nn.BatchNorm2d, nn.SyncBatchNorm)


def train(
    detector: nn.Module, split: COCOSplit, config: DetectionConfig, workspace: Workspace, device: torch.device
) -> int:
    """Train to the end of the schedule, in place, from wherever the newest training state says.

    Returns:
        The number of iterations.

    Raises:
        InputError: a state cannot be gone on from, or the loss stops being finite.
        Interrupted: a process of the job was asked to stop; all leave after the same iteration, with the state written.
    """
    folder = workspace.folder / TRAINING
    resumed = _state_to_resume(folder, detector, device)
    first = resumed.content["meta"]["iter"] if resumed else 0
    if rank() == 0 and not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    wait_for_all()
    runtime, iterations = config.runtime, config.schedule.iterations
    after = training_batches(split, config, range(iterations, iterations + config.precise_batch_norm))
    if workspace.compiles:
        detector.get_submodule("backbone").compile()
        workspace.has_compiled = True
    runner = Runner(
        model=_across_ranks(detector, device),
        work_dir=str(folder),
        train_dataloader=training_batches(split, config, range(first, iterations)),
        train_cfg={"type": "ResumableLoop", "max_iters": iterations},
        optim_wrapper=optimiser_config(config),
        param_scheduler=learning_rate_config(config),
        default_hooks={
            "logger": {"type": "LoggerHook", "interval": runtime.log_every, "log_metric_by_epoch": False},
            "checkpoint": {
                "type": "CheckpointHook",
                "by_epoch": False,
                "interval": runtime.checkpoint_every,
                "max_keep_ckpts": 2,
            },
            "sampler_seed": None,
        },
        custom_hooks=[
            {"type": "SeedEveryIteration", "seed": config.seed},
            {"type": "ReportProgress", "workspace": workspace},
            {"type": "SaveOnRequest", "priority": "NORMAL"},  # before the states are written
            {"type": "StopAtDivergence", "device": device},
            {"type": "PlainState"},
            {"type": "PreciseBatchNorm", "batches": after},
        ],
        log_processor={"by_epoch": False},
        visualizer={"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]},
        launcher="pytorch" if world_size() > 1 else "none",  # the processes have joined already
        load_from=str(resumed.path) if resumed else None,
        resume=resumed is not None,
        randomness={"seed": config.seed},
        default_scope="mmdet",
        experiment_name=f"{folder.parent.name}-{os.getpid()}-{id(detector)}",  # mmengine keeps runs apart by name
    )
    runner.train()
    return runner.iter


def _across_ranks(detector: nn.Module, device: torch.device) -> nn.Module:
    """The detector as the runner takes it; the runner's own wrapping knows GPUs alone."""
    if world_size() == 1:
        return detector
    devices = [device] if device.type == "cuda" else None
    return MMDistributedDataParallel(detector, device_ids=devices, broadcast_buffers=False)


def _state_to_resume(folder: Path, detector: nn.Module, device: torch.device) -> Resumed | None:
    """The newest of an interrupted run that is whole; mmengine's own pointer to it is an absolute path, and not used.

    Raises:
        InputError: the state cannot be read, or does not fit the detector, which mmengine would merely log.
    """
    found = (STATE.fullmatch(path.name) for path in folder.glob("*"))
    numbers = sorted((int(name[1]) for name in found if name), reverse=True)
    resumed = newest_whole(numbers, lambda number: folder / f"iter_{number}.pth", device)
    if resumed:
        try:
            detector.load_state_dict(resumed.content["state_dict"])
            int(resumed.content["meta"]["iter"])
        except LOADING_ERRORS as error:
            raise incompatible_state(resumed.path, error) from None
    return resumed


@LOOPS.register_module()
class ResumableLoop(IterBasedTrainLoop):
    """mmengine's loop, but the batches begin where the run goes on: none is loaded to be thrown away. It can stop."""

    is_stopping = False

    def run(self) -> nn.Module:
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        while self._iter < self._max_iters:
            self.run_iter(next(self.dataloader_iterator))
            if self.is_stopping:
                wait_for_all()
                raise interruption.Interrupted
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model


@HOOKS.register_module()
class SeedEveryIteration(Hook):
    """mmdet draws proposals from torch's global generator: it is set for every iteration and rank."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        torch.manual_seed(int(generator(self.seed, "proposals", runner.iter, rank()).integers(2**63)))


@HOOKS.register_module()
class ReportProgress(Hook):
    """Tells the workspace about every iteration."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.workspace.progress(runner.iter + 1, runner.max_iters, "iterations")


@HOOKS.register_module()
class SaveOnRequest(Hook):
    """Lets the state be written after this iteration, and the loop end, if any process was asked to stop."""

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        is_last = runner.iter + 1 == runner.max_iters
        if is_last or not on_any_rank(bool(interruption.received())):
            return
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook):
                hook.interval = 1
        runner.train_loop.is_stopping = True


@HOOKS.register_module()
class StopAtDivergence(Hook):
    """Ends a training whose loss or state is not finite, before that state is written."""

    def __init__(self, device: torch.device) -> None:
        self.losses = LossWatch(device)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.losses.see({"": outputs["loss"]}, runner.iter + 1, _learning_rate(runner))
        self.losses.require_finite()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        require_finite_state(checkpoint, checkpoint["meta"]["iter"], _learning_rate(runner))


def _learning_rate(runner: Runner) -> float:
    return runner.optim_wrapper.get_lr()["lr"][0]


@HOOKS.register_module()
class PlainState(Hook):
    """Keeps a training state to tensors and plain values, so that it is read without executing pickled code.

    What goes is mmengine's window of logged losses, a class of its own; the names of the kept states stay.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        kept = runner.message_hub.runtime_info.get("keep_ckpt_ids", [])
        checkpoint["message_hub"] = {
            "log_scalars": {},
            "runtime_info": {"keep_ckpt_ids": list(kept)},
            "resumed_keys": {},
        }


@HOOKS.register_module()
class PreciseBatchNorm(Hook):
    """After the training, BatchNorm's statistics become the mean of those of some batches, as in detectron2.

    Without any batch, the first rank's running averages are taken by all.
    """

    def __init__(self, batches: DataLoader) -> None:
        self.batches = batches

    def after_train(self, runner: Runner) -> None:
        if len(self.batches):
            average_batch_statistics(runner.model, self.batches)
        for buffer in runner.model.buffers():
            copy_from_first_rank(buffer)
        require_finite_state(runner.model.state_dict(), runner.iter, _learning_rate(runner))


def average_batch_statistics(model: nn.Module, batches: DataLoader) -> None:
    """Set the running statistics of every BatchNorm to their mean over batches, and over ranks; nothing else changes.

    Args:
        model: a detector of mmdet, possibly wrapped for several processes.
        batches: of training images.
    """
    detector: Any = model.module if hasattr(model, "module") else model
    layers = [layer for layer in detector.modules() if isinstance(layer, NORMALISATION)]
    momenta = [layer.momentum for layer in layers]
    means = [torch.zeros_like(_statistics(layer)) for layer in layers]
    detector.train()
    for layer in layers:
        layer.momentum = 1.0  # running statistics are then those of the last batch
    with torch.no_grad():
        for batch in batches:
            data = detector.data_preprocessor(batch, training=True)
            detector.extract_feat(data["inputs"])
            for mean, layer in zip(means, layers, strict=True):
                mean += _statistics(layer) / (len(batches) * world_size())
    for layer, momentum, mean in zip(layers, momenta, means, strict=True):
        layer.momentum = momentum
        layer.running_mean, layer.running_var = sum_over_ranks(mean)


def _statistics(layer: nn.Module) -> torch.Tensor:
    """``[2, channels]``, mean and variance."""
    return torch.stack([layer.get_buffer("running_mean"), layer.get_buffer("running_var")])
