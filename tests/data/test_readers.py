"""Readers on the miniature's files, and the sentence that each kind of damage gets."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from data.images import ImageTable
from data.miniature.classes import IMAGENET_CLASSES, VOC_CLASSES
from data.sets.imagenet import reader as imagenet
from data.sets.places205 import reader as places
from data.sets.voc07 import reader as voc
from data.sets.webvision import reader as webvision


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of the miniature that a test may damage."""
    return shutil.copytree(miniature, tmp_path / "world")


def test_webvision(miniature):
    train = webvision.read_train(miniature / "webvision", 10)
    validation = webvision.read_validation(miniature / "webvision", 10)
    assert (len(train), len(validation)) == (200, 41)
    assert np.bincount(train.labels).tolist() == [20] * 10
    assert train.decode(0).shape == (40, 40, 3)
    assert validation.decode(40).dtype == np.uint8


def test_imagenet_classes_are_sorted_synsets(miniature):
    images = imagenet.read_split(miniature / "imagenet", "train", 10)
    assert images.paths[0].decode().startswith(IMAGENET_CLASSES[0].synset)
    assert sorted({path.decode().split("/")[0] for path in images.paths}) == [c.synset for c in IMAGENET_CLASSES]


def test_voc_multi_labels(miniature):
    images = voc.read_classification(miniature / "VOCdevkit", "trainval", 20)
    assert images.labels.shape == (120, 20)
    assert set(images.labels.sum(axis=1)) <= {0, 1, 2, 3, 4}
    annotation = (miniature / "VOCdevkit/VOC2007/Annotations/000001.xml").read_text()
    shown = {VOC_CLASSES[label].name for label in np.flatnonzero(images.labels[0])}
    assert shown and all(f"<name>{name}</name>" in annotation for name in shown)


def test_places205(miniature):
    train, val = (places.read_split(miniature / "places205", split, 12) for split in ("train", "val"))
    assert (len(train), len(val)) == (60, 41)
    assert np.bincount(train.labels).tolist() == [5] * 12
    assert all(images.decode(index).shape == (40, 40, 3) for images in (train, val) for index in range(len(images)))
    folders = {path.decode().rsplit("/", 1)[0]: label for path, label in zip(train.paths, train.labels, strict=True)}
    assert list(folders) == sorted(folders) and list(folders.values()) == list(range(12))
    assert all(folder[0] == folder[2] for folder in folders)


def test_a_difficult_object_counts_as_absent(world):
    path = world / "VOCdevkit/VOC2007/ImageSets/Main/bag_trainval.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["000001  0", *lines[1:]]))
    assert voc.read_classification(world / "VOCdevkit", "trainval", 20).labels[0, 0] == 0


def test_fingerprint_changes_with_a_label(miniature):
    images = webvision.read_train(miniature / "webvision", 10)
    labels = images.labels.copy()
    labels[3] = (labels[3] + 1) % 10
    other = ImageTable(images.root, images.paths, labels, 10, images.source)
    assert images.fingerprint() != other.fingerprint()


def assert_sentence(error: pytest.ExceptionInfo, *parts: str) -> None:
    assert all(part in error.value.sentence for part in parts), error.value.sentence
    assert "\n" not in error.value.sentence


def test_missing_folder(tmp_path):
    with pytest.raises(InputError) as error:
        webvision.read_train(tmp_path / "nowhere", 10)
    assert_sentence(error, "nowhere", "does not exist")


def test_missing_list(world):
    (world / "webvision/info/train_filelist_flickr.txt").unlink()
    with pytest.raises(InputError) as error:
        webvision.read_train(world / "webvision", 10)
    assert_sentence(error, "train_filelist_flickr.txt", "cannot be read")


def test_label_outside_the_range(world):
    with pytest.raises(InputError) as error:
        webvision.read_train(world / "webvision", 9)
    assert_sentence(error, "train_filelist_google.txt, line 10", "label 9", "[0, 9)")


@pytest.mark.parametrize("line", ["only_a_path.jpg", "a.jpg minus", "a.jpg -1", ""])
def test_malformed_line(world, line):
    path = world / "webvision/info/val_filelist.txt"
    path.write_text(f"{line}\n" + path.read_text())
    with pytest.raises(InputError) as error:
        webvision.read_validation(world / "webvision", 10)
    assert_sentence(error, "val_filelist.txt, line 1", "expected 'relative/path label'")


def test_missing_image(world):
    images = webvision.read_train(world / "webvision", 10)
    (images.root / images.paths[5].decode()).unlink()
    with pytest.raises(InputError) as error:
        images.decode(5)
    assert_sentence(error, images.paths[5].decode(), "does not exist")


@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_unreadable_image(world, damage):
    images = webvision.read_train(world / "webvision", 10)
    path = images.root / images.paths[5].decode()
    path.write_bytes(path.read_bytes()[:-200] if damage == "truncated" else b"<html>404</html>")
    with pytest.raises(InputError) as error:
        images.decode(5)
    assert_sentence(error, str(path), "cannot be decoded")


@pytest.mark.parametrize("kind", ["PNG", "CMYK", "L"])
def test_unusual_images_decode(world, kind):
    images = webvision.read_train(world / "webvision", 10)
    path = images.root / images.paths[5].decode()
    if kind == "PNG":
        Image.open(path).save(path, "PNG")
    else:
        Image.open(path).convert(kind).save(path, "JPEG")
    difference = images.decode(5).astype(int) - np.asarray(Image.open(path).convert("RGB"))
    assert np.abs(difference).max() <= (1 if kind == "CMYK" else 0)  # two ways of rounding CMYK


def test_decoding_equals_pillows(miniature):
    images = voc.read_classification(miniature / "VOCdevkit", "test", 20)
    for index in range(len(images)):
        reference = Image.open(images.root / images.paths[index].decode()).convert("RGB")
        assert np.array_equal(images.decode(index), np.asarray(reference))


def test_wrong_number_of_synsets(world):
    shutil.rmtree(world / "imagenet/val" / IMAGENET_CLASSES[0].synset)
    with pytest.raises(InputError) as error:
        imagenet.read_split(world / "imagenet", "val", 10)
    assert_sentence(error, "9 synset folders", "expected 10")


def test_empty_synset(world):
    for path in (world / "imagenet/val" / IMAGENET_CLASSES[2].synset).iterdir():
        path.unlink()
    with pytest.raises(InputError) as error:
        imagenet.read_split(world / "imagenet", "val", 10)
    assert_sentence(error, IMAGENET_CLASSES[2].synset, "holds no image")


def test_voc_lists_that_disagree(world):
    path = world / "VOCdevkit/VOC2007/ImageSets/Main/zebra_test.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(InputError) as error:
        voc.read_classification(world / "VOCdevkit", "test", 20)
    assert_sentence(error, "zebra_test.txt", "other images")


def test_places205_missing_folder_and_list(world):
    with pytest.raises(InputError) as error:
        places.read_split(world / "nowhere", "train", 12)
    assert_sentence(error, "Places205 folder", "nowhere", "does not exist")
    (world / "places205/trainvalsplit_places205/val_places205.csv").unlink()
    with pytest.raises(InputError) as error:
        places.read_split(world / "places205", "val", 12)
    assert_sentence(error, "val_places205.csv", "cannot be read")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a/abbey/gsun_1.jpg,3", ["expected 'relative/path label'"]),
        ("a/abbey/gsun_1.jpg 12", ["label 12", "[0, 12)"]),
    ],
)
def test_places205_malformed_line(world, line, parts):
    path = world / "places205/trainvalsplit_places205/train_places205.csv"
    path.write_text(f"{line}\n" + path.read_text())
    with pytest.raises(InputError) as error:
        places.read_split(world / "places205", "train", 12)
    assert_sentence(error, "train_places205.csv, line 1", *parts)


def test_places205_missing_image(world):
    images = places.read_split(world / "places205", "val", 12)
    (images.root / images.paths[3].decode()).unlink()
    with pytest.raises(InputError) as error:
        images.decode(3)
    assert_sentence(error, "val_places205.csv", images.paths[3].decode(), "does not exist")
