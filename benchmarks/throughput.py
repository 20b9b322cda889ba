"""``python -m benchmarks.throughput``: images a second of this machine, for the estimate of ``run_all.py --dry-run``.

A profile's own network and batch, on random images that lie on the device: training with cross-entropy, training with
MoPro, evaluation. Loading is not measured; it has to keep up.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from benchmarks.measuring import in_turn, waited_for
from core.arithmetic import use
from core.distributed import local_device
from core.errors import InputError
from core.exit_status import exit_status_of
from core.files import write_json
from core.workspace import Workspace
from pretrain.backbone import compile_networks, memory_format
from pretrain.config import PretrainConfig
from pretrain.loop import TrainingState
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.method import Method
from pretrain.methods.mopro.spec import MoProConfig
from pretrain.objective import Batch
from pretrain.pretraining import build_method
from profiles.cost import MEASURED_FILE, Measured, arithmetic_of
from profiles.load import load_profile
from profiles.schema import Profile

WARM_UP = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``throughput.json`` into the folder of the runs; gives the exit status."""
    return exit_status_of(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--profile", default="paper", help="name, or path of a YAML file (default: %(default)s)")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a value of the profile",
    )
    parser.add_argument(
        "--steps", type=_positive, default=20, metavar="N", help="measured steps (default: %(default)s)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where it is written (default: %(default)s)")
    options = parser.parse_args(arguments)
    measured, mopro = measure(load_profile(options.profile, options.overrides), options.steps)
    write_json(options.runs / MEASURED_FILE, measured.model_dump(mode="json"))
    print(
        f"{measured.device}: {measured.training:.4g} images a second of cross-entropy, {mopro:.4g} of MoPro, "
        f"{measured.evaluation:.4g} of evaluation; written to {options.runs / MEASURED_FILE}"
    )
    return 0


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number of steps from 1")
    return int(text)


def measure(profile: Profile, steps: int) -> tuple[Measured, float]:
    """The median over some steps, at the profile's batch on each GPU; apart from the estimate, MoPro's images a second.

    The three kinds are measured in turn.

    Raises:
        InputError: the profile has no MoPro method.
    """
    mopro = next((method for method in profile.methods.values() if isinstance(method, MoProConfig)), None)
    if mopro is None:
        raise InputError(
            f"The profile {profile.name} has no method with objective mopro: measure with another profile."
        )
    use(profile.arithmetic)
    device = local_device()
    batch_size = profile.pretrain.schedule.batch_size // profile.resources.pretrain.tasks
    size, in_memory = profile.pretrain.views.size, memory_format(profile.pretrain.arithmetic)
    images = torch.randn(batch_size, 3, size, size, device=device).contiguous(memory_format=in_memory)
    compiles = profile.arithmetic.compile
    with_mopro = Training(_configuration(profile, mopro), [images, images.clone()], device, compiles)
    encoder = with_mopro.state.method.get_submodule("encoder")

    def evaluate() -> None:
        encoder.eval()
        with torch.inference_mode():
            encoder(images)

    cross_entropy = CrossEntropyConfig(objective="cross-entropy")
    with_cross_entropy = Training(_configuration(profile, cross_entropy), [images], device, compiles)
    steps_of: dict[str, Callable[[], None]] = {
        "cross-entropy": with_cross_entropy,
        "MoPro": with_mopro,
        "evaluation": evaluate,
    }
    ways = {name: waited_for(step, 1, device) for name, step in steps_of.items()}
    in_turn(ways, WARM_UP)
    seconds = in_turn(ways, steps).values()
    cross_entropy_rate, mopro_rate, evaluation_rate = (batch_size / statistics.median(of_kind) for of_kind in seconds)
    measured = Measured(
        device=torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"the CPU (threads: {torch.get_num_threads()})",
        training=cross_entropy_rate,
        evaluation=evaluation_rate,
        backbone=profile.pretrain.backbone.model_dump(mode="json"),
        arithmetic=arithmetic_of(profile.model_dump(mode="json")),
        size=size,
        batch_size=batch_size,
    )
    return measured, mopro_rate


def _configuration(profile: Profile, method: Method) -> PretrainConfig:
    classes = next(iter(profile.data.webvision.values())).classes
    return PretrainConfig(webvision="none", classes=classes, method=method, seed=0, **dict(profile.pretrain))


class Training:
    """A step of the training loop, on the same views each time.

    MoPro is measured as it is in most of its epochs: with prototypes and noise correction.

    Args:
        config: of the training; its data set is not read.
        views: of a batch, on the device, one tensor for each view that the method takes.
        device: where to compute.
        compiles: whether the networks are compiled, by the first call.
    """

    def __init__(self, config: PretrainConfig, views: list[torch.Tensor], device: torch.device, compiles: bool) -> None:
        self.state = TrainingState.fresh(build_method(config, len(views[0])), config, device)
        compile_networks(self.state.method, Workspace(Path(), compiles=compiles))
        self.views = views
        self.labels = torch.randint(config.classes, (len(views[0]),), device=device)
        self.indices = torch.arange(len(views[0]), device=device)
        self.epoch = config.schedule.epochs - 1

    @property
    def method(self) -> nn.Module:
        """What is trained."""
        return self.state.method

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What trains it."""
        return self.state.optimizer

    def __call__(self) -> None:
        self.state.method.train()
        outcome = self.state.method(Batch(self.views, self.labels, self.indices, self.epoch, self.state.step))
        self.state.advance(outcome, learning_rate=1e-3)


if __name__ == "__main__":
    sys.exit(main())
