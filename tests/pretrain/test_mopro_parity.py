"""MoPro against figures measured on the authors' implementation, step by step, with one process and with two."""

import math

import pytest
import torch

from core.distributed import process_group
from tests.support.authors_figures import Steps, differences, largest, trajectory
from tests.support.processes import in_two_processes

TOLERANCE = 1e-9


def assert_as_measured(name: str, steps: Steps, prototypes: torch.Tensor) -> None:
    figure, difference = largest(differences(name, steps, prototypes))
    assert difference < TOLERANCE, figure


def test_one_process():
    assert_as_measured("mopro_step.json", *trajectory())


def joined_trajectory() -> tuple[Steps, list[list[float]]]:
    """The same as one of a job's processes; prototypes as lists, which outlive the process."""
    with process_group():
        steps, prototypes = trajectory()
    return steps, prototypes.tolist()


def test_two_processes():
    for number, (steps, prototypes) in enumerate(in_two_processes(joined_trajectory)):
        assert_as_measured(f"mopro_step_world2_rank{number}.json", steps, torch.tensor(prototypes, dtype=torch.float64))


@pytest.mark.parametrize("figure", ["cls", "proto", "wk", "kept_labels"])
def test_a_figure_that_differs_is_found(figure):
    steps, prototypes = trajectory()
    steps[20][figure] = [*steps[20][figure], 0] if figure == "kept_labels" else steps[20][figure] + 1e-6
    found, difference = largest(differences("mopro_step.json", steps, prototypes))
    assert found == f"step 20, {figure}" and difference > 1e-9
    steps[20]["wq"] = math.nan
    assert math.isnan(largest(differences("mopro_step.json", steps, prototypes))[1])
