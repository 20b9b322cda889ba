"""A detection that is killed at any moment, and finds its states damaged, ends as an undisturbed one does."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.sets.coco.reader import read_coco
from pretrain.tensor_files import load_tensors, save_tensors
from tests.support.killing import DAMAGES, assert_equal_ends, cut, delete, killed, make_a_folder, newest_number, states
from tests.transfer.test_detection import CPU, checkpoint, configuration, workspace  # noqa: F401  (a fixture)
from transfer.detection import stage as detection
from transfer.detection import training as detection_training
from transfer.detection.config import DetectionConfig
from transfer.detection.model import build_detector


def training(iterations: int, **runtime: int) -> dict[str, Any]:
    return configuration(
        schedule={"iterations": iterations, "decay_at": [iterations - 1]},
        runtime={"workers": 0, "checkpoint_every": 1, "log_every": 2} | runtime,
    )


LONG = 400  # iterations: twenty kills come before the end, however fast the machine is


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_twenty_times_it_ends_as_undisturbed(tmp_path, miniature, checkpoint, seed):  # noqa: F811
    """At random moments, the newest state damaged every third time."""
    config = training(LONG)
    undisturbed = workspace(tmp_path / "undisturbed", miniature, checkpoint)
    metrics = detection.run(config, undisturbed)
    place = workspace(tmp_path / "job", miniature, checkpoint)
    moments, damaged = random.Random(seed), 0
    for kill in range(1, 21):
        killed(newest_number(place) + moments.randrange(5), moments.uniform(0, 0.5), config, place)
        print(f"kill {kill}: {[path.name for path in states(place)]}")
        if kill % 3 == 0 and states(place):
            DAMAGES[damaged % len(DAMAGES)](states(place)[0])
            damaged += 1
    assert damaged >= len(DAMAGES)
    assert newest_number(place) < LONG
    assert detection.run(config, place) == metrics
    assert_equal_ends(place, undisturbed)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, miniature, checkpoint) -> Workspace:  # noqa: F811
    """A finished training with its two last states; tests work on copies of it."""
    place = workspace(tmp_path_factory.mktemp("trained"), miniature, checkpoint)
    config = DetectionConfig.model_validate(training(3))
    detector = build_detector(config, checkpoint / MODEL_FILE, CPU)
    detection_training.train(detector, read_coco(miniature / "coco", 10)["train"], config, place, CPU)
    return place


def resumed(place: Workspace, checkpoint: Path) -> Any:  # noqa: F811
    """What a job in this folder would go on from."""
    config = DetectionConfig.model_validate(training(3))
    detector = build_detector(config, checkpoint / MODEL_FILE, CPU)
    return detection_training._state_to_resume(place.folder / detection_training.TRAINING, detector, CPU)


@pytest.fixture
def place(trained, tmp_path) -> Workspace:
    shutil.copytree(trained.folder, tmp_path / "job")
    return Workspace(tmp_path / "job", trained.inputs)


@pytest.mark.parametrize("damage", [*DAMAGES, make_a_folder])
def test_a_damaged_state_gives_way_to_the_one_before(place, checkpoint, capsys, damage):  # noqa: F811
    newest, before = states(place)
    damage(newest)
    found = resumed(place, checkpoint)
    assert (found.path, found.content["meta"]["iter"]) == (before, 2)
    assert states(place) == [before]
    warned = capsys.readouterr().out
    assert warned == "" if damage is delete else f"warning: The checkpoint {newest} " in warned


@pytest.mark.parametrize("pointer", ["", "iter_7.pth", "/elsewhere/iter_3.pth", "\0\xff"])
def test_what_mmengine_says_is_newest_counts_for_nothing(place, checkpoint, pointer):  # noqa: F811
    (place.folder / detection_training.TRAINING / "last_checkpoint").write_text(pointer)
    assert resumed(place, checkpoint).path == states(place)[0]


def test_without_any_whole_state_it_starts_anew(place, checkpoint, capsys):  # noqa: F811
    for path in states(place):
        cut(path)
    assert resumed(place, checkpoint) is None
    assert "No training state is whole; the training starts anew" in capsys.readouterr().out


def with_fewer_weights(state: dict[str, Any]) -> None:
    del state["state_dict"]["neck.lateral_convs.0.conv.weight"]


def with_other_shapes(state: dict[str, Any]) -> None:
    state["state_dict"]["rpn_head.rpn_reg.bias"] = torch.zeros(3)


def without_iteration(state: dict[str, Any]) -> None:
    del state["meta"]["iter"]


@pytest.mark.parametrize("change", [with_fewer_weights, with_other_shapes, without_iteration])
def test_a_whole_state_of_another_version_is_kept(place, checkpoint, change: Callable):  # noqa: F811
    newest = states(place)[0]
    state = load_tensors(newest)
    change(state)
    save_tensors(newest, state)
    with pytest.raises(
        InputError, match=r"iter_3\.pth is whole, but this version of the code did not write it"
    ) as error:
        resumed(place, checkpoint)
    assert "\n" not in error.value.sentence and newest.exists()


@pytest.mark.parametrize("rate", [1e4, 1e9])
def test_a_training_that_diverges_stops_and_leaves_no_broken_state(tmp_path, miniature, checkpoint, rate):  # noqa: F811
    config = training(6) | {"learning_rate": rate, "gradient_norm": None, "warmup": 0}
    place = workspace(tmp_path / "job", miniature, checkpoint)
    with pytest.raises(
        InputError, match=r"The training diverged: (the loss of|after) step \d( is (nan|inf))?, with the lea"
    ) as error:
        detection.run(config, place)
    assert f"learning rate {rate:g}" in error.value.sentence
    assert all(load_tensors(path) for path in states(place))
    assert not (place.folder / detection.DETECTIONS_FILE).exists()
