"""docs/extending.md, followed line by line: its commands and its profile, on a small set of 37 classes."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from execution.task import Task
from profiles.expand import jobs_of
from profiles.load import load_profile
from results.plan import read_results
from tests.support import REPOSITORY
from tests.support.commands import environment

CLASSES = 37
PAGE = REPOSITORY / "docs/extending.md"


def blocks(language: str) -> list[str]:
    """The code of the section on one's own data set."""
    section = PAGE.read_text().partition("## My own noisy web set")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


def photograph(path: Path, number: int) -> None:
    """Of a class, by its colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([number, len(path.parent.name), ord(path.name[0])]).integers(0, 60, (40, 36, 3))
    colour = np.array([number * 5, (number * 37) % 195, (number * 91) % 195])
    Image.fromarray((noise + colour).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of step 1; the order of the classes is not that of their names."""
    folder = tmp_path_factory.mktemp("data") / "birds"
    names = [f"bird{(number * 5) % CLASSES:02}" for number in range(CLASSES)]
    for number, name in enumerate(names):
        for image in range(5):
            photograph(folder / f"crawl/images/{name}/{image}.jpg", number if image else (number + 1) % CLASSES)
            photograph(folder / f"clean/train/{name}/{image}.jpg", number)
        photograph(folder / f"crawl/val_images_256/{name}/a.jpg", number)
        photograph(folder / f"clean/val/{name}/b.jpg", number)
    (folder / "clean/classes.txt").write_text("".join(f"{name} The {name}\n" for name in names))
    return folder


@pytest.fixture(scope="module")
def printed(birds: Path) -> list[str]:
    """What the steps print, after which nothing is left to do."""
    (profile,) = blocks("yaml")
    (birds / "birds.yaml").write_text(profile.replace("/data/birds", str(birds)))
    return [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace("/data/birds", str(birds))],
            cwd=REPOSITORY,
            env=environment() | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
            check=True,
            text=True,
            capture_output=True,
        ).stdout
        for block in blocks("sh")
    ]


def test_the_steps_lead_to_a_table(birds, printed):
    _, checked_and_run, table = printed
    assert "No faults." in checked_and_run and "0 GPU-hours to do" in checked_and_run
    assert "Birds (37 classes)" in table
    assert "The crawl top-1" in table and "Clean birds top-1" in table
    assert "ImageNet" not in checked_and_run and "WebVision" not in table
    assert table in checked_and_run or table.splitlines()[-1] in checked_and_run


def test_nothing_but_these_images_was_read(birds, printed):
    results = read_results(birds / "runs/birds")
    assert results.missing == []
    found = {job.name: record for job, record in results.done}
    images = found["accuracy-imagenet/mopro/birds/seed0"].data["imagenet"]
    assert (images.images, images.classes) == (CLASSES, CLASSES)
    assert found["pretrain/mopro/birds/seed0"].data["webvision"].images == 5 * CLASSES


def test_labels_follow_the_list_of_classes(birds, printed):
    lines = (birds / "crawl/info/train_filelist_search.txt").read_text().splitlines()
    assert lines[:1] == ["images/bird00/0.jpg 0"] and lines[5] == "images/bird05/0.jpg 1" and len(lines) == 5 * CLASSES


@pytest.mark.parametrize("part", ["{of: 37}", "{of: 37, labels: [0, 4, 8]}"])
def test_a_part_of_it_is_a_section_once_fine_tuning_goes(birds, printed, part):
    classes = 3 if "labels" in part else 10
    changes = [f"data.webvision.birds.classes={classes}", f"data.webvision.birds.part={part}"]
    with pytest.raises(InputError, match=r"but evaluate\.finetune is of all of them: set evaluate\.finetune to null"):
        load_profile(str(birds / "birds.yaml"), changes)
    jobs = jobs_of(load_profile(str(birds / "birds.yaml"), [*changes, "evaluate.finetune=null"]))
    assert {job.config["classes"] for job in jobs if job.kind.startswith("accuracy")} == {classes}


def test_the_smallest_evaluation_of_the_page_is_one(tmp_path):
    section = PAGE.read_text().partition("## Your evaluation in one file")[2].partition("\n## ")[0]
    (code,), (profile,) = (re.findall(rf"```{it}\n(.*?)```", section, flags=re.DOTALL) for it in ("python", "yaml"))
    (tmp_path / "neighbours.py").write_text(code)
    (tmp_path / "mine.yaml").write_text(profile)
    found = load_profile(str(tmp_path / "mine.yaml"))
    assert found.name == "neighbours" and found.tables[-1].columns[0].evaluation == "my-neighbours"
    jobs = [job for job in jobs_of(found) if job.kind == "my-neighbours"]
    assert {job.tags["method"] for job in jobs} >= {"ce", "mopro"}
    task = Task(replace(jobs[0], needs={}, instructions=None), tmp_path / "runs")
    assert task() == 0 and task.job.record(tmp_path / "runs").metrics["top1"].value == 61.2


def test_what_is_missing_is_said_before_anything_runs(birds, printed):
    copy = shutil.copytree(birds, birds.parent / "copy", ignore=shutil.ignore_patterns("runs"))
    (copy / "birds.yaml").write_text((birds / "birds.yaml").read_text().replace(str(birds), str(copy)))
    shutil.rmtree(copy / "clean/val/bird05")
    (copy / "crawl/info/val_filelist.txt").unlink()
    command = [sys.executable, "run_all.py", "verify", "--profile", copy / "birds.yaml", "--runs", copy / "runs"]
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 1
    assert "lacks 1 of the 37 synsets of" in ended.stdout and "val_filelist.txt cannot be read" in ended.stdout
