"""An evaluation that is asked to stop, killed, or finds its parts damaged ends as an undisturbed one, byte by byte."""

import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from core import interruption, parts
from core.workspace import MODEL_FILE, OUTPUTS_FOLDER, PARTS_FOLDER, Workspace
from data.config import EvaluationView
from pretrain import untrained
from pretrain.accuracy import stage as accuracy
from pretrain.backbone import ProjectingEncoder
from pretrain.checkpoints import exported
from pretrain.config import AccuracyConfig, BackboneConfig
from pretrain.methods.mopro import cleaning
from pretrain.methods.mopro.model import MoPro
from pretrain.tensor_files import save_tensors
from robustness import evaluation as robustness
from tests.pretrain.test_cleaning import CONFIG as CLEANING
from tests.pretrain.test_interruption import nothing_received  # noqa: F401  (a fixture)
from tests.robustness.test_robustness import CONFIG as ROBUSTNESS
from tests.support.killing import cut, empty, flip_a_byte
from tests.support.processes import in_two_processes, run_stage
from tests.support.toy_world import CONSTANTS
from tests.transfer.test_detection import SMALL, configuration
from tests.transfer.test_lowshot import PLACES205, VOC07
from transfer.detection import stage as detection
from transfer.lowshot import places205, voc07

VIEW = EvaluationView(resize=32, crop=28)
ACCURACY = AccuracyConfig(view=VIEW, batch_size=10, workers=0, layout="webvision", folder="webvision", classes=10)
STAGES: dict[str, tuple[Callable, dict[str, Any]]] = {
    "accuracy": (accuracy.run, ACCURACY.model_dump(mode="json")),
    "low-shot on VOC07": (voc07.run, VOC07),
    "low-shot on Places205": (places205.run, PLACES205),
    "robustness": (robustness.run, ROBUSTNESS),
    "noise cleaning": (cleaning.run, CLEANING),
    "detection": (detection.run, configuration()),
}
TRAINING = "training"  # what a detection has done before it evaluates


@dataclass(frozen=True)
class Undisturbed:
    """An evaluation that nothing has interrupted; tests must not change its folder."""

    run: Callable
    config: dict[str, Any]
    place: Workspace
    metrics: dict[str, Any]
    items: int  # that were computed, after the training where there is one

    def folder_of_a_job(self, folder: Path) -> Path:
        """Of one that is still to evaluate."""
        folder.mkdir()
        if (self.place.folder / TRAINING).exists():
            shutil.copytree(self.place.folder / TRAINING, folder / TRAINING)
        return folder

    def assert_equals(self, place: Workspace, metrics: dict[str, Any]) -> None:
        assert metrics == self.metrics
        assert place.provenance == self.place.provenance
        ours, theirs = (sorted((one.folder / OUTPUTS_FOLDER).iterdir()) for one in (place, self.place))
        assert [path.name for path in ours] == [path.name for path in theirs]
        assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]


class Counts(Workspace):
    """Counts the items that are computed, and asks to stop after some."""

    counted = 0
    stop_after = 0

    def progress(self, done: int, total: int, unit: str) -> None:
        if unit == "iterations":
            return
        self.counted += 1
        if self.counted == self.stop_after:
            os.kill(os.getpid(), signal.SIGUSR2)


@pytest.fixture(scope="module")
def inputs(miniature, tmp_path_factory) -> dict[str, Path]:
    """The data, and a checkpoint that every evaluation takes: of a MoPro that was never trained."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    encoder = ProjectingEncoder(BackboneConfig.model_validate(SMALL), 10, CONSTANTS.embedding_size)
    save_tensors(folder / MODEL_FILE, exported(MoPro(encoder, 10, CONSTANTS, seed=0)))
    return {"data": miniature, "checkpoint": folder}


@pytest.fixture(scope="module", params=STAGES)
def undisturbed(request, inputs, tmp_path_factory) -> Undisturbed:
    run, config = STAGES[request.param]
    place = Counts(tmp_path_factory.mktemp("undisturbed"), inputs)
    metrics = run(config, place)
    return Undisturbed(run, config, place, metrics, place.counted)


def test_asked_to_stop_again_and_again_it_computes_everything_once(undisturbed, inputs, tmp_path):
    folder = undisturbed.folder_of_a_job(tmp_path / "job")
    computed, starts = 0, 0
    while True:
        place = Counts(folder, inputs)
        place.stop_after = 2
        interruption.install_handlers([signal.SIGUSR2])
        starts += 1
        try:
            metrics = undisturbed.run(undisturbed.config, place)
        except interruption.Interrupted:
            computed += place.counted
            continue
        break
    assert computed + place.counted == undisturbed.items
    assert starts > 2
    undisturbed.assert_equals(place, metrics)


def test_killed_at_random_moments_it_goes_on(undisturbed, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS_A_PART", 0)
    folder = undisturbed.folder_of_a_job(tmp_path / "job")
    moments = random.Random(0)
    for reached in (1, 2, 2, 3):
        job = Workspace(folder, inputs)
        process = multiprocessing.get_context("fork").Process(
            target=undisturbed.run, args=(undisturbed.config, job), daemon=False
        )
        process.start()
        while process.is_alive() and len(parts_in(folder)) < reached:
            process.join(0.002)
        process.join(moments.uniform(0, 0.01))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
    place = Counts(folder, inputs)
    undisturbed.assert_equals(place, undisturbed.run(undisturbed.config, place))
    assert place.counted <= undisturbed.items - 3


@pytest.mark.parametrize("damage", [cut, flip_a_byte, empty])
def test_a_damaged_part_is_computed_anew(undisturbed, inputs, tmp_path, damage, capsys):
    folder = undisturbed.folder_of_a_job(tmp_path / "job")
    shutil.copytree(undisturbed.place.folder / PARTS_FOLDER, folder / PARTS_FOLDER)
    damaged = parts_in(folder)[0]
    damage(damaged)
    place = Counts(folder, inputs)
    undisturbed.assert_equals(place, undisturbed.run(undisturbed.config, place))
    assert place.counted > 0 and f"warning: The part {damaged} is damaged" in capsys.readouterr().out


def test_parts_that_are_whole_are_all_taken(undisturbed, inputs, tmp_path):
    folder = undisturbed.folder_of_a_job(tmp_path / "job")
    shutil.copytree(undisturbed.place.folder / PARTS_FOLDER, folder / PARTS_FOLDER)
    place = Counts(folder, inputs)
    undisturbed.assert_equals(place, undisturbed.run(undisturbed.config, place))
    assert place.counted == 0


def test_parts_of_another_job_are_not_taken(inputs, tmp_path):
    """As where a folder was copied: of the same evaluation of the same data, for another checkpoint."""
    for name in ("checkpoint", "alone", "copied"):
        (tmp_path / name).mkdir()
    untrained.run({"seed": 1, "backbone": SMALL}, Workspace(tmp_path / "checkpoint"))
    others = inputs | {"checkpoint": tmp_path / "checkpoint"}
    alone = places205.run(PLACES205, Workspace(tmp_path / "alone", others, identity="theirs"))
    ours = places205.run(PLACES205, Workspace(tmp_path / "copied", inputs, identity="ours"))
    theirs = places205.run(PLACES205, Workspace(tmp_path / "copied", others, identity="theirs"))
    assert theirs == alone != ours


def stopped_together(inputs: dict[str, Path], folder: Path) -> int:
    """Rank 1 alone is asked to stop; gives how much this rank has computed by then."""
    place = Counts(folder, inputs, reports_progress=os.environ["RANK"] == "0")
    place.stop_after = 2 if os.environ["RANK"] == "1" else 0
    interruption.install_handlers([signal.SIGUSR2])
    with pytest.raises(interruption.Interrupted):
        places205.run(PLACES205, place)
    return place.counted


def test_two_processes_leave_together_and_go_on_and_take_no_part_of_one_process(inputs, tmp_path):
    metrics = places205.run(PLACES205, Workspace(tmp_path, inputs))
    output = tmp_path / OUTPUTS_FOLDER / "val.npz"
    of_one = output.read_bytes()
    assert in_two_processes(stopped_together, inputs, tmp_path) == [2, 2]
    ranks = in_two_processes(run_stage, places205.run, PLACES205, tmp_path, inputs)
    assert [found for found, _ in ranks] == [metrics, metrics]
    assert output.read_bytes() == of_one


def parts_in(folder: Path) -> list[Path]:
    return sorted((folder / PARTS_FOLDER).glob("*/[!.]*.npz"))
