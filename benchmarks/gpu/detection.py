"""One iteration of Mask R-CNN with torchvision's kernels for regions beside the same with those in plain torch."""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.gpu.report import Check
from benchmarks.gpu.sizes import Sizes
from benchmarks.measuring import spread, wait_for
from core.arithmetic import ProcessArithmetic, use
from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from pretrain import untrained
from pretrain.config import RuntimeConfig
from transfer.detection import mmdetection
from transfer.detection.config import DetectionConfig, DetectionSchedule, OperatorChoice
from transfer.detection.operators import torchvision_is_compiled

IMAGES, OBJECTS, CLASSES = 2, 8, 80
ROUNDS = 3
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3  # in 32 bits; of all parameters' gradients as one vector
NAMES: dict[OperatorChoice, str] = {"compiled": "torchvision's kernels", "plain": "plain torch"}
NOT_LOADED = "torchvision's kernels do not load beside this torch"


@dataclass(frozen=True)
class Iteration:
    """What an iteration gives.

    Attributes:
        losses: by name.
        gradients: of all parameters, as one vector.
    """

    losses: dict[str, float]
    gradients: torch.Tensor


@dataclass(frozen=True)
class Compared:
    """Iterations on the same images with the same weights.

    Attributes:
        iterations: by operators.
        seconds: of every round, by operators.
    """

    iterations: dict[OperatorChoice, Iteration]
    seconds: dict[OperatorChoice, list[float]]

    def rows(self) -> list[dict[str, str]]:
        """One for each kind of operators; those that do not load are not measured."""
        return [{"an iteration with": name} | self._times(choice) for choice, name in NAMES.items()]

    def _times(self, choice: OperatorChoice) -> dict[str, str]:
        if choice not in self.seconds:
            return {"ms": NOT_LOADED, "lowest to highest": ""}
        milliseconds = [1000 * seconds for seconds in self.seconds[choice]]
        return {"ms": f"{statistics.median(milliseconds):.0f}", "lowest to highest": spread(milliseconds, 0)}

    def checks(self) -> Iterator[Check]:
        """Losses and gradients of the two kinds; none where only one was measured."""
        if len(self.iterations) < len(NAMES):
            return
        ours, theirs = self.iterations["plain"], self.iterations["compiled"]
        for name, loss in theirs.losses.items():
            yield Check(name, abs(ours.losses[name] - loss) / max(1.0, abs(loss)), LOSS_TOLERANCE)
        difference = (ours.gradients - theirs.gradients).norm() / theirs.gradients.norm()
        yield Check("the gradient of all parameters", float(difference), GRADIENT_TOLERANCE)


def measure(sizes: Sizes, device: torch.device) -> Compared:
    """The two kinds in turn, or the plain one alone on a CPU beside whose torch the other does not load.

    Raises:
        InputError: mmdet is not installed, or the compiled kernels do not load on a GPU.
    """
    use(ProcessArithmetic(tf32="none"))
    if device.type == "cuda" and not torchvision_is_compiled():
        raise InputError(f"{NOT_LOADED}: install the torchvision that was built for it.")
    choices: list[OperatorChoice] = ["compiled", "plain"] if torchvision_is_compiled() else ["plain"]
    with contextlib.redirect_stdout(io.StringIO()):
        mmdetection.load()
        detector, batch = _detector(sizes, device), _batch(*sizes.image)
        iterations: dict[OperatorChoice, Iteration] = {}
        times: dict[OperatorChoice, list[float]] = {choice: [] for choice in choices}
        for number in range(1 + ROUNDS):
            for choice in choices:
                mmdetection.load(choice)
                began = time.perf_counter()
                iterations[choice] = _iteration(detector, batch, device)
                if number:  # the first finds everything cold
                    times[choice].append(time.perf_counter() - began)
    return Compared(iterations, times)


def _iteration(detector: Any, batch: dict[str, list[Any]], device: torch.device) -> Iteration:
    """Forward and backward; proposals are drawn alike each time, and no weight moves."""
    torch.manual_seed(0)
    detector.zero_grad()
    data = detector.data_preprocessor(batch, training=True)
    total, losses = detector.parse_losses(detector(**data, mode="loss"))
    total.backward()
    gradients = [it.grad.flatten() for it in detector.parameters() if it.grad is not None]
    wait_for(device)
    return Iteration({name: loss.item() for name, loss in losses.items()}, torch.cat(gradients))


def _detector(sizes: Sizes, device: torch.device) -> nn.Module:
    from transfer.detection.model import build_detector

    short, long = sizes.image
    config = DetectionConfig(
        seed=0,
        coco="none",
        classes=CLASSES,
        schedule=DetectionSchedule(iterations=1, decay_at=()),
        batch_size=IMAGES,
        recipe_batch_size=IMAGES,
        learning_rate=0.02,
        momentum=0.9,
        weight_decay=1e-4,
        warmup=0,
        short_sides=(short,),
        short_side=short,
        long_side=long,
        precise_batch_norm=0,
        heads=sizes.heads,
        runtime=RuntimeConfig(workers=0, checkpoint_every=1, log_every=1),
    )
    with tempfile.TemporaryDirectory() as folder:
        untrained.run({"seed": 0, "backbone": sizes.step.backbone.model_dump(mode="json")}, Workspace(Path(folder)))
        return build_detector(config, Path(folder) / MODEL_FILE, device).train()


def _batch(height: int, width: int) -> dict[str, list[Any]]:
    """Random images with boxes, labels and masks, as mmdet's data sets give them."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    rng = np.random.default_rng(0)
    inputs, samples = [], []
    for _ in range(IMAGES):
        corners = rng.uniform(0, 0.6, (OBJECTS, 2)) * (width, height)
        sides = rng.uniform(0.1, 0.4, (OBJECTS, 2)) * (width, height)
        boxes = np.concatenate([corners, corners + sides], axis=1)
        masks = np.zeros((OBJECTS, height, width), np.uint8)
        for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
            mask[top:bottom, left:right] = 1
        shapes = {"img_shape": (height, width), "ori_shape": (height, width)}
        sample = DetDataSample(metainfo=shapes | {"scale_factor": (1, 1)})
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor(boxes, dtype=torch.float32),
            labels=torch.from_numpy(rng.integers(CLASSES, size=OBJECTS)),
            masks=BitmapMasks(masks, height, width),
        )
        inputs.append(torch.from_numpy(rng.integers(256, size=(3, height, width), dtype=np.uint8)))
        samples.append(sample)
    return {"inputs": inputs, "data_samples": samples}
