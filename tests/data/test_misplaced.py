"""Data sets a level off, or as they were packed: the sentence names the right folder, or a command that works."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from core.errors import InputError
from data.sets.imagenet import reader as imagenet
from data.sets.imagenet_variants.reader import read_published, read_variant
from data.sets.places205 import reader as places
from data.sets.voc07 import reader as voc
from data.sets.webvision import reader as webvision
from tests.support.commands import environment

READERS = {
    "imagenet": lambda root: imagenet.read_split(root, "train", 10),
    "imagenet-r": lambda root: read_variant(root, 8, root.parent / "imagenet", 10),
    "webvision": lambda root: webvision.read_train(root, 10),
    "places205": lambda root: places.read_split(root, "train", 12),
    "VOCdevkit": lambda root: voc.read_classification(root, "trainval", 20),
}
KEYS = {"imagenet-r": "data.imagenet_r.folder", "webvision": "data.webvision.<set>.folder", "VOCdevkit": "data.voc07"}


def sentence_of(read, root: Path) -> str:
    with pytest.raises(InputError) as error:
        read(root)
    assert "\n" not in error.value.sentence
    return error.value.sentence


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("depth", ["datasets", "a/b/c", "with space"])
def test_a_folder_above_the_right_one(miniature, tmp_path, name, depth):
    right = tmp_path / depth / name
    right.parent.mkdir(parents=True)
    right.symlink_to(miniature / name)
    sentence = sentence_of(READERS[name], tmp_path)
    advice = f"={right}" if " " not in depth else f"='{right}'"
    assert advice in sentence and KEYS.get(name, "data.") in sentence


@pytest.mark.parametrize(
    ("name", "below"),
    [("imagenet", "train"), ("webvision", "info"), ("places205", "trainvalsplit_places205"), ("VOCdevkit", "VOC2007")],
)
def test_a_folder_below_the_right_one(miniature, name, below):
    assert f"={miniature / name}." in sentence_of(READERS[name], miniature / name / below)


def run(sentence: str) -> None:
    """What stands between backquotes, in a shell."""
    (command,) = re.findall("`(.*)`", sentence)
    python = f'python() {{ "{sys.executable}" "$@"; }}; '
    subprocess.run(["bash", "-ec", f"{python}{command}"], check=True, env=environment())


@pytest.fixture
def packed(miniature, tmp_path) -> Path:
    """The miniature's training set as ImageNet's is packed."""
    root = tmp_path / "it's here"
    root.mkdir()
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as outer:
        for folder in sorted((miniature / "imagenet/train").iterdir()):
            with tarfile.open(tmp_path / f"{folder.name}.tar", "w") as inner:
                for path in folder.iterdir():
                    inner.add(path, path.name)
            outer.add(tmp_path / f"{folder.name}.tar", f"{folder.name}.tar")
    return root


def is_whole(root: Path, miniature: Path) -> bool:
    ours, theirs = (READERS["imagenet"](folder) for folder in (root, miniature / "imagenet"))
    return ours.fingerprint() == theirs.fingerprint()


@pytest.mark.parametrize("place", ["", "train"])
def test_the_tar_of_tars(packed, miniature, place):
    if place:
        (packed / place).mkdir()
        (packed / "ILSVRC2012_img_train.tar").rename(packed / place / "ILSVRC2012_img_train.tar")
    sentence = sentence_of(READERS["imagenet"], packed)
    assert "ILSVRC2012_img_train.tar is ImageNet as it was packed" in sentence
    run(sentence)
    assert is_whole(packed, miniature)


def test_the_tar_of_tars_among_the_shards(packed, miniature):
    (packed / "train/shards").mkdir(parents=True)
    (packed / "ILSVRC2012_img_train.tar").rename(packed / "train/shards/ILSVRC2012_img_train.tar")
    sentence = sentence_of(READERS["imagenet"], packed)
    assert "shards/ILSVRC2012_img_train.tar is ImageNet as it was packed, and no shard of images" in sentence
    run(sentence)
    assert is_whole(packed, miniature)


def test_the_tars_of_the_synsets(packed, miniature):
    """Also where some are unpacked already."""
    subprocess.run("mkdir train; tar -xf *.tar -C train; cd train; rm n*3.tar", shell=True, check=False, cwd=packed)
    for folder in (miniature / "imagenet/train").iterdir():
        if not (packed / f"train/{folder.name}.tar").exists():
            shutil.copytree(folder, packed / "train" / folder.name)
    sentence = sentence_of(READERS["imagenet"], packed)
    assert "synsets as they were packed (such as n" in sentence
    run(sentence)
    assert is_whole(packed, miniature)


@pytest.mark.parametrize("inner", ["train", "ILSVRC2012_img_train"])
def test_synset_folders_a_level_too_deep(miniature, tmp_path, inner):
    shutil.copytree(miniature / "imagenet/train", tmp_path / "train" / inner)
    (tmp_path / "val").mkdir()
    sentence = sentence_of(READERS["imagenet"], tmp_path)
    assert f"one level too deep, in {tmp_path / 'train' / inner}" in sentence
    run(sentence)
    (tmp_path / "train" / inner).rmdir()
    assert is_whole(tmp_path, miniature)


def test_as_kaggle_packs_it(miniature, tmp_path):
    right = tmp_path / "ILSVRC/Data/CLS-LOC"
    right.mkdir(parents=True)
    (right / "train").symlink_to(miniature / "imagenet/train")
    assert f"data.imagenet={right}." in sentence_of(READERS["imagenet"], tmp_path)
    assert is_whole(right, miniature)


@pytest.mark.parametrize("state", ["packed", "flat", "half"])
def test_validation_images_in_one_folder(miniature, tmp_path, state):
    """The command sorts them by the development kit, of which this is one in small."""
    root = tmp_path / "imagenet"
    flat = root / "val"
    flat.mkdir(parents=True)
    expected = {}
    synsets = sorted(folder.name for folder in (miniature / "imagenet/val").iterdir())
    images = sorted((miniature / "imagenet/val").glob("*/*.JPEG"), key=lambda path: path.name.partition("_")[2])
    for number, path in enumerate(images, start=1):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        shutil.copy(path, flat / name)
        expected[name] = path.parent.name
    names = [("ILSVRC2012_ID", int), ("WNID", object), ("words", object), ("gloss", object), ("num_children", int)]
    rows = np.array([(index, synset, "a", "a", 0) for index, synset in enumerate(synsets, start=1)], dtype=names)
    data = tmp_path / "ILSVRC2012_devkit_t12/data"
    data.mkdir(parents=True)
    savemat(data / "meta.mat", {"synsets": rows})
    labels = [synsets.index(expected[name]) + 1 for name in sorted(expected)]
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{label}\n" for label in labels))
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        archive.add(data.parent, data.parent.name)
    if state == "packed":
        with tarfile.open(root / "ILSVRC2012_img_val.tar", "w") as archive:
            for name in expected:
                archive.add(flat / name, name)
        shutil.rmtree(flat)
    elif state == "half":
        for name in sorted(expected)[:7]:
            os.renames(flat / name, flat / expected[name] / name)
    sentence = sentence_of(lambda folder: imagenet.read_split(folder, "val", 10), root)
    assert "with ILSVRC2012_devkit_t12.tar.gz there" in sentence
    run(sentence)
    read = imagenet.read_split(root, "val", 10)
    assert {path.decode().split("/")[1]: path.decode().split("/")[0] for path in read.paths} == expected


def test_archives_beside_nothing(miniature, tmp_path):
    root = tmp_path / "webvision"
    root.mkdir()
    with tarfile.open(root / "info.tar", "w") as archive:
        archive.add(miniature / "webvision/info", "info")
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        for name in ("google", "flickr"):
            archive.add(miniature / "webvision" / name, name)
    content = (tmp_path / "images.tar").read_bytes()
    for number, part in enumerate((content[:100_000], content[100_000:])):
        (root / f"images.tar.{number:02d}").write_bytes(part)
    sentence = sentence_of(READERS["webvision"], root)
    assert "as it was packed" in sentence
    run(sentence)
    assert READERS["webvision"](root).fingerprint() == READERS["webvision"](miniature / "webvision").fingerprint()


def test_imagenet_r_unpacked_into_a_folder_of_its_name(miniature, tmp_path):
    (tmp_path / "imagenet-r").mkdir()
    (tmp_path / "imagenet-r/imagenet-r").symlink_to(miniature / "imagenet-r")
    sentence = sentence_of(lambda root: read_published(root, "imagenet-r"), tmp_path / "imagenet-r")
    assert f"data.imagenet_r.folder={tmp_path / 'imagenet-r/imagenet-r'}." in sentence


def test_a_folder_with_nothing_of_the_data_set(tmp_path):
    for name, read in READERS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").touch()
        assert sentence_of(read, tmp_path / name)
