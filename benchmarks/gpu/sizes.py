"""On how much the parts of ``python -m benchmarks.gpu`` work: the paper's sizes on a GPU, small ones on a CPU."""

from dataclasses import dataclass

from benchmarks.step import PAPER, StepSize
from data.config import TrainingViews
from pretrain.config import ArithmeticConfig, BackboneConfig, PretrainConfig, RuntimeConfig, ScheduleConfig
from pretrain.methods.method import Method
from transfer.detection.config import DetectionHeads


@dataclass(frozen=True)
class Sizes:
    """How much is computed.

    Attributes:
        step: of the trainings whose speed is measured.
        rounds: of measurements in turn.
        steps: of each training in a round.
        matrix: side of the square matrices whose product tells the peak.
        compiled: the arithmetics, by name, in which networks are compiled too.
        loaded: batches whose loading is measured.
        short: of the training that is killed.
        photographs: that it trains on.
        image: height and width of the images that the detector sees, in pixels.
        heads: of the detector; None for Mask R-CNN's own.
    """

    step: StepSize
    rounds: int
    steps: int
    matrix: int
    compiled: tuple[str, ...]
    loaded: int
    short: StepSize
    photographs: int
    image: tuple[int, int]
    heads: DetectionHeads | None


SMALL = StepSize(
    BackboneConfig(depth=10, width=8, stem="small"), classes=10, batch=16, pixels=32, queue=64, embedding=16
)
ON_A_GPU = Sizes(
    step=PAPER,
    rounds=5,
    steps=3,
    matrix=8192,
    compiled=("float32", "TF32", "bfloat16"),
    loaded=64,
    short=StepSize(PAPER.backbone, classes=1000, batch=32, pixels=224, queue=64, embedding=128),
    photographs=96,
    image=(800, 1216),
    heads=None,
)
ON_A_CPU = Sizes(
    step=SMALL,
    rounds=2,
    steps=1,
    matrix=256,
    compiled=("float32",),
    loaded=32,
    short=StepSize(SMALL.backbone, classes=10, batch=8, pixels=32, queue=16, embedding=16),
    photographs=24,
    image=(96, 128),
    heads=DetectionHeads(channels=8, features=16, mask_convolutions=1, proposals=32),
)


def configuration(
    size: StepSize,
    method: Method,
    precision: str = "float32",
    *,
    webvision: str = "none",
    epochs: int = 1,
    workers: int = 0,
    checkpoint_every: int = 1000,
) -> PretrainConfig:
    """Of a training of that size; all else is the paper's, ``profiles/paper.yaml``."""
    return PretrainConfig(
        seed=0,
        webvision=webvision,
        classes=size.classes,
        method=method,
        backbone=size.backbone,
        views=TrainingViews(size=size.pixels, crop_scale=(0.2, 1), jitter=0.4, grayscale=0.2),
        schedule=ScheduleConfig(
            epochs=epochs,
            batch_size=size.batch,
            learning_rate=0.01,  # lower than the paper's, as such a training ends where that one has warmed up
            decay_at=(),
            decay=0.1,
            momentum=0.9,
            weight_decay=1e-4,
        ),
        arithmetic=ArithmeticConfig.model_validate({"precision": precision, "channels_last": True}),
        runtime=RuntimeConfig(workers=workers, checkpoint_every=checkpoint_every, log_every=1000),
    )
