"""``python -m benchmarks.gpu`` from end to end in the CPU's form, and what it makes of what goes wrong."""

import math
import shutil
import subprocess
import sys

import pytest
import torch

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.peak import flops_of_an_image
from benchmarks.gpu.report import Check, Report
from benchmarks.gpu.resuming import Resumed
from benchmarks.gpu.training import NOT_ON_A_CPU
from benchmarks.step import PAPER
from core.errors import InputError
from execution.frozen import REPOSITORY
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig

STEPS = ["MoPro, the authors' way", "cross-entropy", "MoPro"]
COMPILED = ["cross-entropy, compiled", "MoPro, compiled"]
ROWS = {  # how the first cells of a part's rows begin
    "The authors' figures on the device": ["24 steps in float64", "24 steps in float32"],
    "One process in a group": ["rows gathered", "24 steps in a group", "keys of shuffled images", "losses"],
    "Detection: an iteration with compiled operators and with plain ones": ["torchvision's kernels", "plain torch"],
    "A pretraining that is killed and resumed": ["digest", "the models' tensors"],
    "Training steps in float32": STEPS + COMPILED,
    "Training steps in TF32": STEPS,
    "Training steps in bfloat16": STEPS,
    "What of MoPro's step is neither encoder nor optimiser": ["float32", "float32, compiled", "bfloat16"],
    "Loading of JPEGs with all cores": [
        "two views of JPEGs of 500 x 375",
        "MoPro's step in float32",
        "MoPro's step in float32, compiled",
        "MoPro's step in bfloat16",
    ],
}

Cells = list[str]


@pytest.fixture(scope="module")
def printed() -> str:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs g++ on the CPU")
    line = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu"]
    run = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def parts_of(printed: str) -> dict[str, list[Cells]]:
    """The rows of every part's tables, without their heads, by title."""
    parts: dict[str, list[Cells]] = {}
    for part in printed.split("## ")[1:]:
        title, *lines = part.splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        rules = [number for number, row in enumerate(cells) if set(row[0]) == {"-"}]
        parts[title] = [row for number, row in enumerate(cells) if number not in rules and number + 1 not in rules]
    return parts


def test_every_part_has_its_rows(printed):
    parts = parts_of(printed)
    assert parts.keys() == ROWS.keys()
    for title, beginnings in ROWS.items():
        found = [row[0] for row in parts[title]][: len(beginnings)]  # detection adds losses where both kernels load
        assert all(map(str.startswith, found, beginnings)) and len(found) == len(beginnings), title


def test_what_must_be_the_same_is(printed):
    parts = parts_of(printed)
    titles = list(ROWS)
    for title in (titles[0], titles[1], titles[3]):
        assert [row[-1] for row in parts[title]] == ["yes"] * len(ROWS[title])


def test_it_says_that_it_is_in_small_and_has_no_figures_that_a_cpu_has_not(printed):
    assert "This is the CPU's form, on small sizes" in printed
    parts = parts_of(printed)
    assert {cell for row in parts["Training steps in TF32"] for cell in row[1:]} == {NOT_ON_A_CPU}
    assert all(row[-1] == NOT_ON_A_CPU for row in parts["Training steps in bfloat16"])  # the memory
    assert all(float(row[1].replace(",", "")) > 0 for row in parts["Training steps in float32"])
    assert printed.endswith("No part failed; goals stand in the tables.\n")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(capsys):
    assert main(["--device", "cuda"]) == 2
    assert capsys.readouterr().err.startswith("error: --device cuda asks for a GPU, but torch finds none here")


def test_a_part_that_fails_says_so_and_the_others_go_on(capsys):
    report = Report()
    with report.part("one"):
        raise ZeroDivisionError("a\ndefect")
    with report.part("two"):
        raise InputError("The file x holds y.")
    with report.part("three"):
        report.table([{"what": "all"}])
    assert report.failed == ["one", "two"]
    printed = capsys.readouterr().out
    assert "**Failed.** ZeroDivisionError: a defect\n" in printed and "**Failed.** The file x holds y.\n" in printed
    assert parts_of(printed)["three"] == [["all"]]


@pytest.mark.parametrize("difference", [2e-9, math.inf, math.nan])
def test_what_differs_is_shown_and_fails_its_part(capsys, difference):
    report = Report()
    with report.part("parity"):
        report.checks([Check("right", 1e-9, 1e-9), Check("wrong", difference, 1e-9)])
    assert report.failed == ["parity"]
    printed = capsys.readouterr().out
    assert [row[-1] for row in parts_of(printed)["parity"]] == ["yes", "no"]
    assert "1 of 2 differ by more than the tolerance, first of all wrong" in printed


def test_another_model_after_a_kill_is_said_with_how_far_it_differs():
    digest, tensors = Resumed(4, 12, "0" * 64, False, {"conv1.weight": 0.0, "fc.weight": 0.25}).checks()
    assert not digest.is_met and "killed after step 4 of 12" in digest.what
    assert not tensors.is_met and tensors.difference == 0.25 and "fc.weight" in tensors.what


def test_operations_of_resnet50():
    """Torchvision publishes 4.09e9 multiplications of the forward pass; the images need no gradient."""
    forward, first_convolution = 2 * 4.09e9, 2 * 112 * 112 * 64 * 3 * 7 * 7
    counted = flops_of_an_image(PAPER, CrossEntropyConfig(objective="cross-entropy"), torch.device("cpu"))
    assert counted == pytest.approx(3 * forward - first_convolution, rel=0.01)
