"""A pretraining that is killed and called again ends as an undisturbed one, where arithmetic is deterministic."""

import contextlib
import io
import multiprocessing
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.gpu.loading import SIDES
from benchmarks.gpu.report import Check
from benchmarks.gpu.sizes import Sizes, configuration
from benchmarks.images import write_photographs
from core.arithmetic import ProcessArithmetic, use
from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.sets.webvision.reader import TRAIN_LISTS
from pretrain import pretraining
from pretrain.config import PretrainConfig
from pretrain.loop import STATE_FILE, STATES
from pretrain.tensor_files import load_tensors

EPOCHS, CHECKPOINT_EVERY, WORKERS = 8, 4, 2
SECONDS_BETWEEN_LOOKS = 0.005


@dataclass(frozen=True)
class Resumed:
    """What became of a killed training.

    Attributes:
        state: the step of the state that it went on from.
        steps: of the whole training.
        digest: of the model of the undisturbed training.
        is_same: whether the resumed one has the same digest.
        differences: the largest of every tensor of the two models.
    """

    state: int
    steps: int
    digest: str
    is_same: bool
    differences: dict[str, float]

    def checks(self) -> Iterator[Check]:
        """The digests, and how far the models differ."""
        what = f"digest {self.digest[:12]} of the model, killed after step {self.state} of {self.steps} and resumed"
        yield Check(what, 0.0 if self.is_same else 1.0, 0.0)
        name = max(self.differences, key=lambda name: self.differences[name])
        yield Check(f"the models' tensors ({name} differs most)", self.differences[name], 0.0)


def measure(sizes: Sizes) -> Resumed:
    """MoPro's pretraining on the device that jobs take, a few steps on photographs.

    Raises:
        InputError: it ended before it could be killed, or was not killed.
    """
    size = sizes.short
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_webvision(folder / "webvision", sizes.photographs, size.classes)
        config = configuration(
            size,
            size.mopro,
            webvision=str(folder / "webvision"),
            epochs=EPOCHS,
            workers=WORKERS,
            checkpoint_every=CHECKPOINT_EVERY,
        )
        undisturbed, killed = folder / "undisturbed", folder / "killed"
        for place in (undisturbed, killed):
            place.mkdir()
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context) as pool:
            whole = pool.submit(_pretrain, config, undisturbed)
            steps, digest = whole.result()
            state = _killed(context.Process(target=_pretrain, args=(config, killed)), killed)
            _, digest_of_resumed = pool.submit(_pretrain, config, killed).result()
        ours, theirs = (load_tensors(place / MODEL_FILE) for place in (killed, undisturbed))
        differences = {name: float((ours[name].double() - theirs[name].double()).abs().max()) for name in theirs}
        return Resumed(state, steps, digest, digest_of_resumed == digest, differences)


def _write_webvision(root: Path, count: int, classes: int) -> None:
    """Photographs in WebVision's folder structure, half of them Google's; labels mean nothing."""
    (root / "info").mkdir(parents=True)
    names = write_photographs(root, SIDES, count)
    lines = [f"{name} {number % classes}\n" for number, name in enumerate(names)]
    for file, part in zip(TRAIN_LISTS, (lines[: count // 2], lines[count // 2 :]), strict=True):
        (root / file).write_text("".join(part))


def _pretrain(config: PretrainConfig, folder: Path) -> tuple[int, str]:
    """The stage as a job runs it; its number of steps, and the digest of its model."""
    torch.set_num_threads(1)
    use(ProcessArithmetic(tf32="none", deterministic=True))
    workspace = Workspace(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        metrics = pretraining.run(config.model_dump(mode="json"), workspace)
    return metrics["steps"]["value"], workspace.provenance["model_sha256"]


def _killed(process: multiprocessing.context.SpawnProcess, folder: Path) -> int:
    """Start a pretraining and kill it once it has a state; gives that state's step.

    Raises:
        InputError: it was not killed, or had ended.
    """
    process.start()
    while process.is_alive() and not (folder / STATE_FILE).exists():
        process.join(SECONDS_BETWEEN_LOOKS)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL or (folder / MODEL_FILE).exists():
        raise InputError(f"The training that was to be killed ended before, with exit status {process.exitcode}.")
    newest = next(folder / name for name in STATES if (folder / name).exists())
    return int(load_tensors(newest)["step"])
