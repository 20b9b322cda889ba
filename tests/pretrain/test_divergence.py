"""A training whose loss is no number any more says so, and leaves nothing from which a figure could be made."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.exhibits import CURVES_FILE
from core.workspace import MODEL_FILE, Workspace
from pretrain import loop, pretraining
from pretrain.accuracy import stage as accuracy
from pretrain.checkpoints import exported
from pretrain.divergence import LossWatch, require_finite_state
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.mopro import retraining
from pretrain.tensor_files import load_tensors, save_tensors
from robustness import evaluation, hard_images
from tests.pretrain import test_retraining
from tests.pretrain.test_checkpoints import mopro
from tests.pretrain.test_pretraining import CONFIG
from tests.pretrain.test_retraining import inputs  # noqa: F401  (a fixture)
from tests.robustness import test_robustness
from tests.transfer import test_finetuning, test_lowshot
from transfer.finetuning import stage as finetuning
from transfer.lowshot import places205, voc07
from transfer.lowshot.features import unit_rows

RATE = 1e9
NO_METHOD = CONFIG.model_dump(mode="json")
CROSS_ENTROPY = NO_METHOD | {"method": CrossEntropyConfig(objective="cross-entropy").model_dump()}
TRAININGS = {
    "mopro": (pretraining.run, NO_METHOD),
    "cross-entropy": (pretraining.run, CROSS_ENTROPY),
    "re-training": (retraining.run, test_retraining.CONFIG),
    "fine-tuning": (finetuning.run, test_finetuning.configuration()),
    "hard images": (hard_images.run, test_robustness.HARD),
}


def diverging(config: dict[str, Any], log_every: int) -> dict[str, Any]:
    schedule = config["schedule"] | {"learning_rate": RATE, "epochs": 3, "decay_at": [], "weight_decay": 0.5}
    return config | {"schedule": schedule, "runtime": config["runtime"] | {"log_every": log_every}}


@pytest.fixture
def job(tmp_path, inputs) -> Workspace:  # noqa: F811
    (tmp_path / "job").mkdir()
    return Workspace(tmp_path / "job", inputs)


@pytest.mark.parametrize(("name", "log_every"), [(name, 1 + 99 * (place % 2)) for place, name in enumerate(TRAININGS)])
def test_a_training_that_diverges_says_where_and_leaves_nothing(name, log_every, job):
    run, config = TRAININGS[name]
    with pytest.raises(InputError) as error:
        run(diverging(config, log_every), job)
    said = (
        r"The training diverged: (the loss( \w+)? of|after) step \d+( is (nan|inf))?, with the learning rate 1e\+09[;,]"
    )
    assert re.match(said, error.value.sentence) and "\n" not in error.value.sentence
    left = {path.name for path in job.folder.rglob("*") if path.is_file() and "events" not in path.name}
    assert not left & {MODEL_FILE, hard_images.REFERENCE_FILE, finetuning.HISTORY_FILE}
    for path in job.folder.glob("state*.pt"):
        load_tensors(path)  # which refuses what is not finite
    if CURVES_FILE in left:
        json.loads((job.folder / CURVES_FILE).read_text(), parse_constant=pytest.fail)


def test_the_first_of_several_broken_losses_is_named():
    watch = LossWatch(torch.device("cpu"))
    for step, loss in enumerate((1.0, 2.0, float("inf"), float("nan"), 3.0), start=1):
        losses = {"one": torch.tensor(1.0), "other": torch.tensor(loss, requires_grad=True)}
        watch.see(losses, step, 0.5 / step)
    with pytest.raises(
        InputError, match=r"the loss other of step 3 is inf, with the learning rate 0\.166667; lower the"
    ):
        watch.require_finite()


def test_finite_losses_are_no_divergence():
    watch = LossWatch(torch.device("cpu"))
    watch.see({"": torch.tensor(3e38)}, 1, 0.1)
    watch.require_finite()
    require_finite_state({"a": [torch.tensor([3e38])], "n": torch.tensor(3), "rate": 0.1}, 1, 0.1)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_state_is_refused_before_it_is_written(value):
    with pytest.raises(InputError, match=r"after step 7, .* rate 0\.1, method\.b\.0 holds a number that is not finite"):
        require_finite_state({"method": {"a": torch.ones(2), "b": [torch.tensor([0, value])]}}, 7, 0.1)


STAGES = {
    "accuracy": (
        accuracy.run,
        {key: test_robustness.CONFIG[key] for key in ("view", "batch_size", "workers")}
        | {"layout": "imagenet", "folder": "imagenet", "classes": 10},
    ),
    "robustness": (evaluation.run, test_robustness.CONFIG),
    "places205": (places205.run, test_lowshot.PLACES205),
    "voc07": (voc07.run, test_lowshot.VOC07),
    "fine-tuning": (finetuning.run, test_finetuning.configuration()),
}


def written(folder: Path, change) -> None:
    tensors = exported(mopro())
    change(tensors)
    save_tensors(folder / MODEL_FILE, tensors)


def one_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["layer3.0.conv1.weight"][1, 2, 0, 0] = float("nan")


def negative_variance(tensors: dict[str, torch.Tensor]) -> None:
    tensors["layer2.0.bn1.running_var"][3] = -0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_nan, r"layer3\.0\.conv1\.weight holds a number that is not finite"),
        (negative_variance, r"layer2\.0\.bn1\.running_var holds a negative variance \(-0\.1\)"),
    ],
)
@pytest.mark.parametrize("name", STAGES)
def test_no_evaluation_takes_a_checkpoint_with_broken_numbers(name, change, said, job):
    run, config = STAGES[name]
    written(job.inputs["checkpoint"], change)
    with pytest.raises(
        InputError, match=rf"model\.pt cannot be used, because {said}.*: delete .*record\.json"
    ) as error:
        run(config, job)
    assert "\n" not in error.value.sentence


def too_large(tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if name.endswith(("bn1.weight", "bn2.weight")):
            tensor.fill_(1e38)


@pytest.mark.parametrize("name", ["accuracy", "robustness", "places205", "voc07"])
def test_no_figure_comes_from_numbers_that_overflow(name, job):
    run, config = STAGES[name]
    written(job.inputs["checkpoint"], too_large)
    with pytest.raises(InputError, match=r"gives \d+ of \d+ images in .* outputs that are not finite, .* name another"):
        run(config, job)


def test_features_whose_length_overflows_are_refused():
    with pytest.raises(InputError, match=r"too large to be scaled to unit length \(1e\+30 among them\)"):
        unit_rows(np.full((2, 3), 1e30, dtype=np.float32))


def test_states_that_are_no_states(tmp_path, inputs, capsys):  # noqa: F811
    """The newest is a folder, the one before it empty; then one of another network, whole."""
    folder = tmp_path / "job"
    (folder / loop.STATE_FILE).mkdir(parents=True)
    (folder / loop.PREVIOUS_STATE_FILE).write_bytes(b"")
    retraining.run(test_retraining.CONFIG, Workspace(folder, inputs))
    said = capsys.readouterr().out
    assert f"{folder / loop.STATE_FILE} is a folder" in said and "the training starts anew" in said
    kept = (folder / loop.STATE_FILE).read_bytes()
    with pytest.raises(
        InputError, match=r"state\.pt is whole, but this version of the code did not write it \(Error"
    ) as e:
        pretraining.run(NO_METHOD, Workspace(folder, inputs))
    assert "\n" not in e.value.sentence and (folder / loop.STATE_FILE).read_bytes() == kept


@pytest.mark.parametrize("content", ["", "{", "[]", '{"2": {}}'])
def test_lost_accuracies_are_said(content, job):
    config = test_finetuning.configuration()
    config["schedule"] |= {"epochs": 1, "decay_at": []}
    finetuning.run(config, job)
    (job.folder / finetuning.HISTORY_FILE).write_text(content)
    with pytest.raises(InputError, match=r"history\.json no longer holds the accuracies .* delete the folder"):
        finetuning.run(config, job)


@pytest.mark.parametrize("decay", [0.5, 1e9])
def test_a_diverged_fine_tuning_does_not_blame_the_model_it_began_with(decay, job):
    """One step an epoch: every loss that is seen is finite, but what the evaluation then sees overflows."""
    _, config = TRAININGS["fine-tuning"]
    config = config | {"evaluate_every": 1}
    changes = {"learning_rate": RATE, "weight_decay": decay, "epochs": 1, "decay_at": [], "batch_size": 20}
    with pytest.raises(InputError) as error:
        finetuning.run(config | {"schedule": config["schedule"] | changes}, job)
    assert str(job.inputs["checkpoint"]) not in error.value.sentence and "lower" in error.value.sentence
