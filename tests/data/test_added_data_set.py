"""A data set is added by its declaration and a line in the registry: profile, plan, checks, cost, record, table."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import REPOSITORY
from tests.support.commands import environment

PROFILE = """
extends: mini
name: added
seeds: [0]
miniature: null
hard_images: null
claims: null
data: {webvision: {webvision: null}, imagenet: null, voc07: null, places205: null, imagenet_r: null, imagenet_a: null,
  coco: null, added: {folder: %s}, counts: {added_all: 3}}
methods: {ce: null, ce-strong-view: null, no-correction: null, mopro: null, random: {objective: untrained}}
evaluate: {lowshot_voc07: null, lowshot_places205: null, robustness: null, detection: null, finetune: null,
  retrain: null, accuracy: {sets: [webvision]}, mine: {spec: ./size.py:SPEC}}
"""
EVALUATION = """
from pathlib import Path
from core.config import Config
from core.declarations import Column, Evaluation, Source, Stage, Table

class Section(Config):
    pass

def run(config, workspace):
    found = list(workspace.dataset(config["folder"]).iterdir())
    return {"images": {"value": len(found), "unit": "images", "n": len(found)}}

def work(section, run):
    folder = run.profile.data.added.folder
    source = Source("data.added.folder", folder)
    yield run.evaluation("size", STAGE, {"folder": folder}, source, images=float(run.profile.data.counts.added_all))

STAGE = Stage("size", f"{__file__}:run")
TABLE = Table("sizes", "Sizes", (Column("Images", "size", "images"),))
SPEC = Evaluation("size", Section, work, data_sets=("added",), tables=(TABLE,), untrained_seeds=lambda section: (0,))
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A profile with the data set, and an evaluation that reads it."""
    (tmp_path / "images").mkdir()
    for number in range(3):
        pixels = np.full((8, 8, 3), number * 40, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
    (tmp_path / "added.yaml").write_text(PROFILE % (tmp_path / "images"))
    (tmp_path / "size.py").write_text(EVALUATION)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command with the data set's line in the registry."""
    line = [sys.executable, "-m", "tests.support.added_data_set", *arguments]
    line += ["--profile", str(folder / "added.yaml"), "--runs", str(folder / "runs")]
    return subprocess.run(line, capture_output=True, text=True, env=environment(), cwd=REPOSITORY)


def test_its_figure_stands_in_a_table(folder):
    run = command(folder)
    assert run.returncode == 0, run.stderr
    assert "## Sizes" in run.stdout
    (record,) = (json.loads(path.read_text()) for path in folder.glob("runs/added/size/*/*/*/record.json"))
    assert record["metrics"]["images"]["value"] == 3 and record["config"]["folder"] == str(folder / "images")


def test_its_images_are_verified(folder):
    run = command(folder, "verify")
    assert run.returncode == 0 and "No faults" in run.stdout, run.stdout + run.stderr
    (folder / "images/2.png").write_bytes(b"no image")
    (folder / "images/3.png").write_bytes((folder / "images/1.png").read_bytes())
    run = command(folder, "verify")
    assert run.returncode == 1
    assert "found 4 images, expected 3" in run.stdout and "2.png" in run.stdout


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.added=null", "evaluate.mine needs data.added, found none"),
        ("data.added.classes=0", "data.added.classes: input should be greater than 0"),
        ("data.counts.added=3", "did you mean 'data.counts.added_all'?"),
    ],
)
def test_what_a_profile_says_of_it_is_validated(folder, override, said):
    run = command(folder, "--dry-run", "--set", override)
    assert run.returncode == 2 and said in run.stderr, run.stderr


def test_it_is_looked_for_before_a_job_needs_it(folder):
    (folder / "images").rename(folder / "moved")
    run = command(folder)
    assert run.returncode == 2 and f"{folder}/images" in run.stderr and "data.added.folder" in run.stderr, run.stderr
