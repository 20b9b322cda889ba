"""Where the time of a step and of its views goes: that all of it is accounted for, by what it is spent on."""

import pytest
import torch

from benchmarks import images, step
from profiles.load import load_profile


def shares(rows: list[dict[str, str]]) -> dict[str, int]:
    return {row["part"]: int(row["share"].rstrip("%")) for row in rows}


def test_of_two_views():
    found = shares(images.where_time_goes((36, 36), load_profile("mini").pretrain.views))
    assert sum(found.values()) == pytest.approx(100, abs=len(found)) and found["decoding"] > 0


def test_of_a_step(monkeypatch):
    monkeypatch.setattr(step, "STEPS", 1)
    torch.manual_seed(0)
    rows = step._where_it_goes(step._steps_of(load_profile("mini")))
    found = shares(rows)
    assert sum(found.values()) == pytest.approx(100, abs=len(found))
    assert found["convolutions"] == max(found.values())
    floors = {row["part"]: row["floor"] for row in rows}
    assert floors.pop("convolutions") not in ("", "0%") and not any(floors.values())


def test_linear_layers_are_no_sums():
    sums = step.OPERATIONS["ReLU, sums and pooling"]
    assert sums.search("aten::add_") and sums.search("aten::relu_") and not sums.search("aten::addmm")
