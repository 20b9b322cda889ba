"""Features that an interrupted evaluation wrote are used again where they are whole, and computed anew where not."""

import json
from pathlib import Path

import pytest
import torch

from core.workspace import Workspace
from pretrain import evaluation, features
from pretrain.tensor_files import load_tensors, save_tensors
from tests.support.killing import cut, empty, flip_a_byte
from tests.transfer.test_lowshot import PLACES205, checkpoint
from transfer.lowshot import places205


@pytest.fixture(scope="module")
def finished(miniature, tmp_path_factory) -> tuple[Workspace, str]:
    folder = tmp_path_factory.mktemp("features")
    (folder / "job").mkdir()
    place = Workspace(folder / "job", {"data": miniature, "checkpoint": checkpoint(folder / "checkpoint", 0)})
    return place, json.dumps(places205.run(PLACES205, place))


def of_another_size(path: Path) -> None:
    save_tensors(path, load_tensors(path)[1:])


def with_infinity(path: Path) -> None:
    save_tensors(path, load_tensors(path).fill_(torch.inf))


@pytest.mark.parametrize("damage", [cut, flip_a_byte, empty, of_another_size, with_infinity])
def test_damaged_features_are_computed_anew(finished, damage, capsys):
    place, metrics = finished
    path = place.folder / "features-val.pt"
    before = path.read_bytes()
    damage(path)
    assert json.dumps(places205.run(PLACES205, place)) == metrics
    assert path.read_bytes() == before
    assert f"The checkpoint {path} " in capsys.readouterr().out or damage is of_another_size


def test_whole_features_are_used_again(finished, monkeypatch):
    place, metrics = finished
    monkeypatch.setattr(features, "fill_rows", pytest.fail)
    monkeypatch.setattr(evaluation, "centred_images", pytest.fail)
    assert json.dumps(places205.run(PLACES205, place)) == metrics
