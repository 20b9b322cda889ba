"""profiles/webvision50.yaml, run through in small: folders of all 1,000 classes, of which 50 are read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.sets.imagenet import synsets
from profiles.load import load_profile
from results.plan import Results, read_results
from run_all import main
from tests.support import REPOSITORY
from tests.support.commands import environment

KEPT, ALL = 50, 1000
SMALL = {
    "seeds": "[0]",
    "pretrain.backbone": "{depth: 10, width: 8, stem: small}",
    "pretrain.views": "{size: 16, crop_scale: [0.2, 1], jitter: 0.4, grayscale: 0.2}",
    "pretrain.schedule.epochs": "2",
    "pretrain.schedule.batch_size": "50",
    "pretrain.schedule.decay_at": "[1]",
    "pretrain.runtime.workers": "0",
    "methods.mopro.queue_size": "100",
    "methods.mopro.correction_from_epoch": "1",
    "evaluate.retrain.schedule.epochs": "1",
    "evaluate.retrain.schedule.batch_size": "10",
    "evaluate.retrain.schedule.decay_at": "[]",
    "evaluate.batch_size": "50",
    "evaluate.workers": "0",
    "evaluate.accuracy.view": "{resize: 20, crop: 16}",
    "resources.pretrain.gpus": "0",
    "resources.retrain.gpus": "0",
}


def photograph(path: Path, label: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([label, number]).integers(0, 60, (24, 30, 3))
    colour = np.array([label * 3 % 195, label * 37 % 195, label * 91 % 195])
    Image.fromarray((noise + colour).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WebVision and ImageNet; of the classes that are left out, and of Flickr, the images don't exist."""
    root = tmp_path_factory.mktemp("data")
    (root / "webvision/info").mkdir(parents=True)
    google = [(f"google/q{label:04}/{number}.jpg", label) for label in range(KEPT) for number in range(4)]
    google += [(f"google/q{label:04}/0.jpg", label) for label in range(KEPT, ALL)]
    validation = [(f"val{label:06}.jpg", label) for label in range(ALL)]
    flickr = [(f"flickr/q{label:04}/0.jpg", label) for label in range(ALL)]
    lists = {"train_filelist_google": google, "train_filelist_flickr": flickr, "val_filelist": validation}
    for name, lines in lists.items():
        text = "".join(f"{path} {label}\n" for path, label in lines)
        (root / f"webvision/info/{name}.txt").write_text(text)
    for number, (path, label) in enumerate(google):
        if label < KEPT:
            photograph(root / "webvision" / path, label, number)
    for path, label in validation[:KEPT]:
        photograph(root / "webvision/val_images_256" / path, label, 0)
    for label, synset in enumerate(synsets.imagenet()):
        path = root / f"imagenet/val/{synset}/ILSVRC2012_val_{label:08}.JPEG"
        if label < KEPT:
            photograph(path, label, 1)
        else:
            path.parent.mkdir(parents=True)
            path.touch()
    return root


@pytest.fixture(scope="module")
def results(data: Path) -> Results:
    """Of the whole graph."""
    values = SMALL | {
        "data.webvision.webvision50.folder": str(data / "webvision"),
        "data.imagenet": str(data / "imagenet"),
    }
    command = [sys.executable, "run_all.py", "--profile", "webvision50", "--runs", str(data / "runs"), "--jobs", "1"]
    command += [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return read_results(data / "runs/webvision50")


def test_the_whole_graph_runs_on_the_fifty_classes(results):
    assert results.missing == []
    found = {job.name: record for job, record in results.done}
    place = "mopro/webvision50/seed0"
    trained_on = found[f"pretrain/{place}"].data["webvision"]
    assert (trained_on.images, trained_on.classes) == (4 * KEPT, KEPT)
    for kind in ("accuracy-webvision", "accuracy-imagenet", "accuracy-imagenet-retrained"):
        record = found[f"{kind}/{place}"]
        assert record.metrics["top1"].n == record.metrics["top5"].n == KEPT
        (images,) = record.data.values()
        assert (images.images, images.classes) == (KEPT, KEPT)


def test_the_literature_stands_beside_ours(results, data):
    table = (data / "runs/webvision50/tables/accuracy.md").read_text()
    ours = [line for line in table.splitlines() if line.startswith("| MoPro ")]
    assert ours and all("mini WebVision" in line and "unknown" in line for line in ours)
    (line,) = [line for line in table.splitlines() if "DivideMix (ResNet-50)" in line and "WebVision top-1" in line]
    assert "76.32" in line and "secondary" in line and "published only" in line
    assert "CurriculumNet" not in table  # of all 1,000 classes


def test_the_head_says_what_the_plan_says(tmp_path, capsys):
    assert main(["--profile", "webvision50", "--dry-run", "--runs", str(tmp_path)]) == 0
    (total,) = (line for line in capsys.readouterr().out.splitlines() if line.endswith(" to do."))
    assert float(total.split("; ")[1].split()[0]) == pytest.approx(24, abs=0.5)
    assert len(load_profile("webvision50").seeds) == 5
