"""The check of the data sets: each kind of damage is found and named, and what is sound passes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.files import write_json
from data.images import ImageTable
from data.paths import Paths
from data.verification.decoding import broken_images, sampled_rows
from data.verification.inspection import DataSet
from data.verification.layouts import coco_split
from data.verification.report import Verifier
from data.webvision import TRAIN_LISTS, VALIDATION_LIST, read_train
from run_all import main
from tests.commands import REPOSITORY, environment
from tests.machine import interrupted, sentence_of

COUNTS = {
    "webvision.webvision.train_lines": 200,
    "webvision.webvision.validation_lines": 41,
    "counts.imagenet_train": 40,
    "counts.imagenet_val": 41,
    "counts.voc07_trainval": 120,
    "counts.voc07_test": 41,
    "counts.places205_train": 60,
    "counts.places205_val": 41,
    "counts.imagenet_r": 67,
}


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of the miniature that a test may damage."""
    return shutil.copytree(miniature, tmp_path / "world")


def options(world: Path, **changes: object) -> list[str]:
    """The profile ``mini`` on data that are simply there; ``changes`` have __ for each dot of a key below data."""
    folders = {
        "webvision.webvision.folder": world / "webvision",
        "imagenet": world / "imagenet",
        "voc07": world / "VOCdevkit",
        "places205.folder": world / "places205",
        "imagenet_r.folder": world / "imagenet-r",
        "imagenet_a": "null",
        "coco": "null",  # so small that some of its classes have no object
    }
    values = folders | COUNTS | {key.replace("__", "."): value for key, value in changes.items()}
    settings = [
        "miniature=null",
        "hard_images=null",
        "evaluate.detection=null",
        *(f"data.{key}={value}" for key, value in values.items()),
    ]
    return [part for setting in settings for part in ("--set", setting)]


def verify(world: Path, *arguments: str, **changes: object) -> int:
    """The exit status."""
    runs = world.parent / "runs"
    return main(["verify", *options(world, **changes), "--runs", str(runs), "--jobs", "1", *arguments])


def faults_of(world: Path, data_set: str) -> list[str]:
    return json.loads((world.parent / f"runs/mini/verification/{data_set}.json").read_text())["faults"]


def test_sound_data_pass(world, capsys):
    assert verify(world) == 0
    printed = capsys.readouterr().out
    assert "No faults." in printed
    report = json.loads((world.parent / "runs/mini/verification/webvision.json").read_text())
    train = report["splits"]["train"]
    assert (train["images"], train["decoded"], train["broken"], report["faults"]) == (200, 200, 0, [])
    assert train["fingerprint"] == read_train(world / "webvision", 10).fingerprint()


def train_image(world: Path) -> Path:
    images = read_train(world / "webvision", 10)
    return images.root / images.paths[7].decode()


def remove_list(world: Path) -> None:
    (world / "webvision" / TRAIN_LISTS[1]).unlink()


def remove_image(world: Path) -> None:
    train_image(world).unlink()


def truncate_image(world: Path) -> None:
    path = train_image(world)
    path.write_bytes(path.read_bytes()[:-200])


def write_text_as_image(world: Path) -> None:
    train_image(world).write_text("<html>404</html>")


def drop_line(world: Path) -> None:
    path = world / "webvision" / TRAIN_LISTS[0]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def change_label(world: Path) -> None:
    path = world / "webvision" / VALIDATION_LIST
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([f"{first.split()[0]} 10", *others]))


def empty_class_of_list(world: Path) -> None:
    for name in TRAIN_LISTS:
        path = world / "webvision" / name
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.endswith(" 3\n")))


def synset(world: Path, folder: str) -> Path:
    return sorted(path for path in (world / folder).iterdir() if path.is_dir())[2]


def empty_synset(world: Path) -> None:
    for path in synset(world, "imagenet/val").iterdir():
        path.unlink()


def strange_synset(world: Path) -> None:
    synset(world, "imagenet-r").rename(world / "imagenet-r/n99999999")


def remove_voc_list(world: Path) -> None:
    (world / "VOCdevkit/VOC2007/ImageSets/Main/zebra_test.txt").unlink()


def remove_data_set(world: Path) -> None:
    shutil.rmtree(world / "places205")


@pytest.mark.parametrize(
    ("damage", "data_set", "parts"),
    [
        (remove_list, "webvision", ["The list", "train_filelist_flickr.txt", "cannot be read"]),
        (remove_image, "webvision", ["names the image", "which does not exist", "exclusions"]),
        (truncate_image, "webvision", ["cannot be decoded", "truncated", "exclusions"]),
        (write_text_as_image, "webvision", ["cannot be decoded", "it is no image"]),
        (drop_line, "webvision", ["webvision train: found 199 images, expected 200"]),
        (change_label, "webvision", ["val_filelist.txt gives 1 images a label outside [0, 10), the first is 10"]),
        (empty_class_of_list, "webvision", ["has no image of 1 of 10 classes (3)"]),
        (empty_synset, "imagenet", ["1 synset folders without an image"]),
        (strange_synset, "imagenet_r", ["1 folders that are named after no synset", "n99999999"]),
        (remove_voc_list, "voc07", ["holds 19 class lists for test, expected 20"]),
        (remove_data_set, "places205", ["The Places205 folder", "does not exist"]),
    ],
)
def test_each_fault_is_found_and_named(world, capsys, damage, data_set, parts):
    damage(world)
    assert verify(world) == 1
    found = faults_of(world, data_set)
    sentences = [fault for fault in found if all(part in fault for part in parts)]
    assert len(sentences) == 1 and "\n" not in sentences[0], found
    assert f"{data_set}: {sentences[0]}" in capsys.readouterr().out
    others = {"webvision", "imagenet", "voc07", "places205", "imagenet_r"} - {data_set}
    assert not [fault for other in others for fault in faults_of(world, other)]


def test_a_png_named_jpg_is_fine(world):
    path = train_image(world)
    Image.open(path).save(path, "PNG")
    assert verify(world) == 0


def test_all_faults_of_a_pass_are_listed(world, capsys):
    broken = read_train(world / "webvision", 10)
    for row in range(5, 20):
        (broken.root / broken.paths[row].decode()).write_text("")
    for damage in (change_label, drop_line, empty_synset):
        damage(world)
    assert verify(world) == 1
    assert len(faults_of(world, "webvision")) == 17  # 15 images, a label, a count
    assert len(faults_of(world, "imagenet")) == 2  # the synset, and the count
    printed = capsys.readouterr().out
    assert "webvision: 7 more faults are listed in" in printed and "19 faults." in printed


def test_the_list_of_broken_images_serves_as_exclusions(world, capsys):
    images = read_train(world / "webvision", 10)
    for row in (3, 150):
        (images.root / images.paths[row].decode()).write_text("")
    assert verify(world) == 1
    listed = world.parent / "runs/mini/verification/webvision.broken.txt"
    assert listed.read_bytes().split() == images.paths[[3, 150]].tolist()
    assert str(listed) in capsys.readouterr().out
    kept = shutil.copy(listed, world / "broken.txt")
    assert verify(world, webvision__webvision__exclusions=kept) == 0
    assert not listed.exists()


def test_a_sample_depends_on_size_and_number_alone():
    rows = sampled_rows(1000, 30)
    assert len(set(rows)) == 30 and (rows == sampled_rows(1000, 30)).all() and (rows[1:] > rows[:-1]).all()
    assert sampled_rows(20, 30).tolist() == sampled_rows(20, None).tolist() == list(range(20))


def test_a_sample_is_decoded_unless_all_is_asked_for(world, capsys):
    assert verify(world, "--sample", "9") == 0
    assert (
        json.loads((world.parent / "runs/mini/verification/voc07.json").read_text())["splits"]["test"]["decoded"] == 9
    )
    assert "With --full" in capsys.readouterr().out
    assert verify(world, "--full") == 0
    assert "With --full" not in capsys.readouterr().out


def started(program: str, *arguments: str) -> subprocess.Popen:
    """A process that runs a program with the modules of this repository."""
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=REPOSITORY, env=environment())


def test_a_killed_check_goes_on_where_it_stopped(miniature, tmp_path, monkeypatch):
    program = """
import sys, time, data.images, run_all, data.verification.decoding as decoding, data.verification.report as report
data.images.ImageTable.decode = lambda self, row: time.sleep(0.05)
decoding.IMAGES_AT_ONCE, report.SECONDS_BETWEEN_WRITES = 5, 0
run_all.main(sys.argv[1:])
"""
    runs = tmp_path / "runs"
    arguments = ["verify", "--full", *options(miniature), "--runs", str(runs), "--jobs", "2"]
    process = started(program, *arguments)
    partial = runs / "mini/verification/webvision.train.partial"
    while not (partial.exists() and json.loads(partial.read_text())["done"] >= 20):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    done = json.loads(partial.read_text())["done"]
    assert 20 <= done < 200
    decoded = []

    def noted(images, rows, processes):
        decoded.append(len(rows))
        return broken_images(images, rows, processes)

    monkeypatch.setattr("data.verification.report.broken_images", noted)
    assert main(arguments) == 0
    assert decoded[0] == 200 - done
    assert not partial.exists()


def test_decoding_processes_end_with_the_command(miniature, tmp_path):
    program = """
import os, sys, time, data.images, run_all
def decode(self, row):
    os.makedirs(f"{sys.argv[1]}/{os.getpid()}", exist_ok=True)
    time.sleep(60)
data.images.ImageTable.decode = decode
run_all.main(sys.argv[2:])
"""
    seen = tmp_path / "seen"
    seen.mkdir()
    process = started(
        program, str(seen), "verify", *options(miniature), "--runs", str(tmp_path / "runs"), "--jobs", "2"
    )
    while not list(seen.iterdir()):
        time.sleep(0.05)
    process.kill()
    process.wait()
    workers = [int(path.name) for path in seen.iterdir()]
    for _ in range(100):
        if not any(is_alive(worker) for worker in workers):
            return
        time.sleep(0.05)
    pytest.fail("a decoding process outlived the command")


@pytest.mark.parametrize("kind", (signal.SIGINT, signal.SIGKILL))
def test_decoding_that_is_interrupted_or_killed(miniature, tmp_path, kind):
    """Ctrl-C reaches all processes, the system's end for lack of memory one that decodes."""
    program = """
import os, sys, time, data.images, run_all
def decode(self, row):
    open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
    time.sleep(60)
data.images.ImageTable.decode = decode
sys.exit(run_all.main(sys.argv[2:]))
"""
    seen = tmp_path / "seen"
    seen.mkdir()
    arguments = [*options(miniature), "--runs", tmp_path / "runs", "--jobs", "2"]

    def is_ready() -> bool:
        working = list(seen.iterdir())
        if working and kind == signal.SIGKILL:
            os.kill(int(working[0].name), kind)
        return bool(working)

    line = [sys.executable, "-c", program, seen, "verify", *arguments]
    if kind == signal.SIGINT:
        assert sentence_of(interrupted(line, is_ready), 130).startswith("interrupted")
        return
    process = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not is_ready():
        assert process.poll() is None
    _, stderr = process.communicate(timeout=60)
    (sentence,) = stderr.decode().splitlines()
    assert process.returncode == 2 and "no memory left" in sentence and "--jobs" in sentence


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_miniature_that_was_not_built(tmp_path, capsys):
    assert main(["verify", "--runs", str(tmp_path)]) == 2
    assert "build them first" in capsys.readouterr().err


def test_wrong_options_get_one_sentence(tmp_path, capsys):
    assert main(["verify", "--sample", "none"]) == 2
    assert "found none, expected a number from 1" in capsys.readouterr().err


def coco_file(folder: Path, **changes: object) -> Path:
    """Two images, two categories."""
    content = {
        "images": [{"id": 5, "file_name": "a.jpg"}, {"id": 6, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "bag"}, {"id": 3, "name": "cat"}],
        "annotations": [{"image_id": 5, "category_id": 3}, {"image_id": 6, "category_id": 1}],
    }
    write_json(folder / "instances.json", content | changes)
    return folder / "instances.json"


def coco_faults(folder: Path, annotations: Path) -> list[str]:
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(folder / name)
    data_set = DataSet("coco", (coco_split("val", annotations, folder, 2, 2),))
    return Verifier(folder / "verification", None, 1, lambda *_: None).verify(data_set)["faults"]


def test_coco(tmp_path):
    assert coco_faults(tmp_path, coco_file(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"annotations": [{"image_id": 5, "category_id": 3}]}, "no image of 1 of 2 classes"),
        ({"images": [{"id": 5, "file_name": "a.jpg"}]}, "found 1 images, expected 2"),
        ({"images": [{"id": 5, "file_name": "a.jpg"}, {"id": 6, "file_name": "c.jpg"}]}, "c.jpg, which does not exist"),
        ({"categories": [{"id": 3, "name": "cat"}]}, "has 1 categories, expected 2"),
        ({"images": 3}, "is not COCO's JSON"),
    ],
)
def test_faults_of_coco(tmp_path, changes, part):
    assert any(part in fault for fault in coco_faults(tmp_path, coco_file(tmp_path, **changes)))


def test_what_is_not_there_in_coco(tmp_path):
    assert "cannot be read" in coco_faults(tmp_path, tmp_path / "nowhere.json")[0]


def test_every_way_in_which_pillow_gives_up_is_a_sentence(tmp_path):
    """Damage to a PNG raises other errors than OSError."""
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 40), (10, 200, 30)).save(path, "PNG")
    whole = path.read_bytes()
    images = ImageTable(tmp_path, Paths.of(["a.jpg"]), np.zeros(1, int), 1, tmp_path)
    images.decode(0)
    for position in range(8, len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            images.decode(0)
        except InputError as error:
            assert "\n" not in error.sentence
