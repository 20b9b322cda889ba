"""The check of the data sets: each kind of damage is found and named, and what is sound passes."""

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from data.images import ImageTable
from data.paths import Paths
from data.sets.imagenet import synsets
from data.sets.imagenet.verification import imagenet_split
from data.sets.imagenet_variants.verification import variant_split
from data.sets.webvision.reader import TRAIN_LISTS, VALIDATION_LIST, read_train
from run_all import main
from tests.support.folders import STRANGERS, put

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
    images = read_train(world / "webvision", 10)
    assert train["fingerprint"] == images.fingerprint()
    assert train["bytes"] == sum(len(images.content(row)) for row in range(200))


def test_a_full_check_gives_totals_and_the_digest_of_all_images(world, capsys):
    assert verify(world, "--full") == 0
    printed = capsys.readouterr().out
    folder = world.parent / "runs/mini/verification/full"
    reports = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    splits = {f"{it['set']} {name}": split for it in reports for name, split in it["splits"].items()}
    images = read_train(world / "webvision", 10)
    digest = bytes(32)
    for row in range(len(images)):
        digest = hashlib.sha256(digest + hashlib.sha256(images.content(row)).digest()).digest()
    assert splits["webvision train"]["full_sha256"] == digest.hex()
    for name, split in splits.items():
        assert f"{name}: SHA-256 over all images {split['full_sha256']}" in printed
    totals = next(line.split() for line in printed.splitlines() if line.startswith("all "))
    sums = [sum(split[key] for split in splits.values()) for key in ("images", "decoded", "bytes", "broken")]
    assert totals[1:5] == [f"{number:,}" for number in sums]


def test_a_byte_more_changes_the_digest_of_all_images(world):
    images = read_train(world / "webvision", 10)
    report = world.parent / "runs/mini/verification/webvision.json"
    assert verify(world) == 0
    before = json.loads(report.read_text())["splits"]["train"]
    path = images.root / images.paths[7].decode()
    path.write_bytes(path.read_bytes() + b"\0")  # after the picture
    assert verify(world) == 0
    after = json.loads(report.read_text())["splits"]["train"]
    assert before["full_sha256"] != after["full_sha256"]
    assert verify(world, "--sample", "20") == 0
    assert "full_sha256" not in json.loads(report.read_text())["splits"]["train"]


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


def strange_folder(world: Path) -> None:
    (world / "imagenet/train/café").mkdir()


def cut_shard(world: Path) -> None:
    folder = world / "imagenet-r"
    names = sorted(path.name for path in folder.iterdir())
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards/a.tar", "w") as shard:
        for name in names:
            shard.add(folder / name, name)
            shutil.rmtree(folder / name)
    with tarfile.open(folder / "shards/a.tar") as shard:
        os.truncate(folder / "shards/a.tar", shard.getmembers()[-1].offset)


def unpack_too_deep(world: Path) -> None:
    (world / "places205").rename(world / "inner")
    (world / "places205").mkdir()
    (world / "inner").rename(world / "places205/places205")


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
        (strange_folder, "imagenet", ["holds 11 synset folders (café: named like no synset), expected 10"]),
        (cut_shard, "imagenet_r", ["a.tar has no end: it was cut off"]),
        (unpack_too_deep, "places205", ["is not in", "--set data.places205.folder="]),
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


def test_strangers_are_no_fault(world):
    for folder in ("imagenet/train", "imagenet/val", "imagenet-r", "VOCdevkit/VOC2007/ImageSets/Main", "webvision"):
        for place in (world / folder, *(path for path in (world / folder).iterdir() if path.is_dir())):
            for name in STRANGERS:
                put(place, name)
    assert verify(world) == 0


def test_imagenets_own_synsets_are_known_by_name(tmp_path):
    """Of the 1,000, one is missing, one misspelt, one without an image."""
    missing, misspelt, empty, *others = synsets.imagenet()
    for name in (f"{misspelt}x", empty, *others):
        (tmp_path / "train" / name).mkdir(parents=True)
        if name != empty:
            (tmp_path / "train" / name / "1.JPEG").touch()
    found = imagenet_split(tmp_path, "train", 1000, None).inspect()
    assert found.count == 998
    lacking, strange, without = sorted(found.faults, key=lambda fault: "holds" in fault)
    assert f"lacks 2 of the 1,000 synsets of ImageNet ({missing}, {misspelt})" in lacking
    assert f"named after no synset of ImageNet ({misspelt}x)" in strange
    assert f"1 synset folders without an image ({empty})" in without


@pytest.mark.parametrize("name", synsets.MARKS)
def test_a_published_variant_is_verified_without_imagenet(tmp_path, name):
    for kind in synsets.variant(name):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "1.jpg").touch()
    split = variant_split(tmp_path, name, tmp_path / "nowhere", 200)
    assert (split.inspect().faults, split.inspect().count) == ([], 200)
    shutil.rmtree(tmp_path / kind)
    assert f"lacks 1 of the 200 synsets of ImageNet-{name[-1].upper()} ({kind})" in split.inspect().faults[0]


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


def test_a_sample_leaves_alone_what_the_full_check_has_found(world):
    full = world.parent / "runs/mini/verification/full"
    truncate_image(world)
    assert verify(world, "--full", webvision__webvision__exclusions="verified") == 1
    before = {path.name: path.read_bytes() for path in full.iterdir()}
    assert "webvision.broken.txt" in before
    assert verify(world, "--sample", "3", webvision__webvision__exclusions="verified") in (0, 1)
    assert {path.name: path.read_bytes() for path in full.iterdir()} == before


def test_a_sample_is_decoded_unless_all_is_asked_for(world, capsys):
    assert verify(world, "--sample", "9") == 0
    assert (
        json.loads((world.parent / "runs/mini/verification/voc07.json").read_text())["splits"]["test"]["decoded"] == 9
    )
    assert "With --full" in capsys.readouterr().out
    assert verify(world, "--full") == 0
    assert "With --full" not in capsys.readouterr().out


def test_a_miniature_that_was_not_built(tmp_path, capsys):
    assert main(["verify", "--runs", str(tmp_path)]) == 2
    assert "build them first" in capsys.readouterr().err


def test_wrong_options_get_one_sentence(tmp_path, capsys):
    assert main(["verify", "--sample", "none"]) == 2
    assert "found none, expected a number from 1" in capsys.readouterr().err


def test_coco_by_the_command(world):
    """Width and height swapped in one image, which detection would refuse as well."""
    annotations = world / "coco/annotations/instances_val2017.json"
    values = json.loads(annotations.read_text())
    values["images"][2] |= {"width": 64, "height": 256}
    annotations.write_text(json.dumps(values))
    assert verify(world, coco=f"{{folder: {world / 'coco'}, classes: 10}}") == 1
    assert any("gives 1 images another width and height" in fault for fault in faults_of(world, "coco"))


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
