"""Training curves: means of epochs, whatever interrupts them and however many processes there are; no waiting."""

import json

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from core.distributed import process_group, rank
from core.exhibits import CURVES_FILE
from core.workspace import Workspace
from pretrain import loop, pretraining
from pretrain.curves import Curves
from pretrain.objective import Outcome
from tests.pretrain.test_pretraining import CONFIG
from tests.support.processes import in_two_processes

CPU = torch.device("cpu")


def outcome(loss: float, labels: list[int], kept: list[bool], right: list[bool]) -> Outcome:
    return Outcome({"classification": torch.tensor(loss)}, *(torch.tensor(part) for part in (labels, kept, right)))


def test_means_of_an_epoch_by_hand(tmp_path):
    curves = Curves(CPU)
    given = torch.tensor([0, 1, 2, 3])
    # kept with its label, corrected, corrected but dropped, dropped
    curves.add(outcome(1.0, [0, 2, 0, 3], [True, True, False, False], [True, False, True, True]), given)
    curves.add(outcome(2.0, [0, 1, 2, 3], [True] * 4, [True, True, True, False]), given)
    curves.finish_epoch(0, 0.1)
    curves.add(outcome(4.0, [0, 1, 2, 3], [False] * 4, [True] * 4), given)
    curves.finish_epoch(1, 0.01)
    curves.write(tmp_path)
    assert json.loads((tmp_path / CURVES_FILE).read_text()) == [
        {"epoch": 0, "loss/classification": 1.5, "kept": 0.75, "corrected": 0.125, "accuracy": 0.666667}
        | {"learning_rate": 0.1},
        {"epoch": 1, "loss/classification": 4.0, "kept": 0.0, "corrected": 0.0, "accuracy": 0.0, "learning_rate": 0.01},
    ]


def test_a_step_never_waits_for_the_device():
    with FakeTensorMode():
        labels = torch.zeros(4, dtype=torch.long)
        curves = Curves(CPU)
        curves.add(Outcome({"loss": torch.randn(())}, labels, labels == 0, labels == 0), labels)
        assert curves.steps == 1


def curves_of_a_rank() -> tuple[list, list]:
    """A rank's own samples; the state is taken, and restored, in the middle of the epoch."""
    with process_group() as device:
        given = torch.tensor([0, 1])
        curves = Curves(device)
        curves.add(outcome(1.0 + rank(), [0, 1], [True, rank() == 0], [True, True]), given)
        again = Curves(device)
        again.restore(curves.state() if rank() == 0 else curves.state() | {"sums": dict(first_sums(curves))})
        for one in (curves, again):
            one.add(outcome(3.0 + rank(), [0, 1], [True, True], [True, rank() == 0]), given)
            one.finish_epoch(0, 0.1)
        return curves.epochs, again.epochs


def first_sums(curves: Curves) -> dict[str, torch.Tensor]:
    """What a rank reads from the first rank's file: other ranks must not count it again."""
    return {name: total + 7 for name, total in curves.sums.items()}


def test_two_processes_give_the_mean_of_both():
    results = in_two_processes(curves_of_a_rank)
    expected = {"epoch": 0, "loss/classification": 2.5, "kept": 0.875, "corrected": 0.0, "accuracy": 0.857143}
    assert results[0] == ([expected | {"learning_rate": 0.1}],) * 2


class KilledError(Exception):
    pass


def test_an_interrupted_run_leaves_the_same_curves(miniature, tmp_path, monkeypatch):
    """Fifteen steps in three epochs, the state written every four: killed in the second epoch, and after the third."""
    config = CONFIG.model_dump(mode="json")
    whole, broken = (Workspace(tmp_path / name, {"data": miniature}) for name in ("whole", "broken"))
    for workspace in (whole, broken):
        workspace.folder.mkdir()
    pretraining.run(config, whole)
    advance, steps = loop.TrainingState.advance, []

    def advance_until_killed(self, *arguments):
        steps.append(None)
        if len(steps) in (7, 15):
            raise KilledError
        advance(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.TrainingState, "advance", advance_until_killed)
        for _ in range(2):
            with pytest.raises(KilledError):
                pretraining.run(config, broken)
        pretraining.run(config, broken)
    curves = (whole.folder / CURVES_FILE).read_text()
    assert (broken.folder / CURVES_FILE).read_text() == curves
    epochs = json.loads(curves)
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2]
    assert ["loss/prototypical" in epoch for epoch in epochs] == [False, True, True]
    assert [epoch["kept"] for epoch in epochs[:2]] == [1.0, 1.0]


def test_a_state_of_an_earlier_version_goes_on(miniature, tmp_path):
    workspace = Workspace(tmp_path, {"data": miniature})
    pretraining.run(CONFIG.model_dump(mode="json"), workspace)
    state = torch.load(tmp_path / loop.STATE_FILE, weights_only=True)
    del state["curves"]
    torch.save(state, tmp_path / loop.STATE_FILE)
    assert pretraining.run(CONFIG.model_dump(mode="json"), workspace)["steps"]["value"] == 15
