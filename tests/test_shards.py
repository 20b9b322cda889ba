"""Images in tar shards: the same batches as from a folder, in any order, and a sentence for each kind of damage."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
import torch

from core.errors import InputError
from data import imagenet, webvision
from data.config import TrainingViews
from data.imagenet_variants import read_variant
from data.loading import TrainingBatches, ViewedImages, batches, permutations
from data.shards import open_shards
from data.strangers import is_image
from data.views import strong_view, weak_view
from data.webvision import read_train

CONSTANTS = TrainingViews(size=28, crop_scale=(0.2, 1.0), jitter=0.4, grayscale=0.2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/mopro-reproduction"


def pack(folder: Path, shards: int = 3, mode: str = "w") -> None:
    """Move every image below a folder into shards of it, dealt out in turn."""
    images = sorted(path for path in folder.rglob("*.*") if is_image(path.name))
    (folder / "shards").mkdir()
    for number in range(shards):
        with tarfile.open(folder / f"shards/{number:03d}.tar", mode) as shard:
            for path in images[number::shards]:
                shard.add(path, path.relative_to(folder))
                path.unlink()


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of the miniature whose images lie in shards."""
    world = shutil.copytree(miniature, tmp_path / "world")
    for name in ("webvision/val_images_256", "webvision", "imagenet/train", "imagenet/val", "imagenet-r"):
        pack(world / name)
    return world


@pytest.mark.parametrize("workers", [0, 2])
def test_folder_and_shards_give_identical_batches(miniature, world, workers):
    def batches_of(root: Path) -> list:
        dataset = ViewedImages(read_train(root / "webvision", 10), [weak_view(CONSTANTS), strong_view(CONSTANTS)], 4)
        return list(batches(dataset, TrainingBatches(200, 20, 1, permutations(200, 4)), workers))

    for expected, found in zip(batches_of(miniature), batches_of(world), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected[0], found[0], strict=True))
        assert torch.equal(expected[1], found[1]) and torch.equal(expected[2], found[2])


def test_every_reader_gives_the_same_table(miniature, world):
    readers = (
        lambda root: read_train(root / "webvision", 10),
        lambda root: webvision.read_validation(root / "webvision", 10),
        lambda root: imagenet.read_split(root / "imagenet", "train", 10),
        lambda root: imagenet.read_split(root / "imagenet", "val", 10),
        lambda root: read_variant(root / "imagenet-r", 8, root / "imagenet", 10)[0],
    )
    for read in readers:
        folder, shards = read(miniature), read(world)
        assert folder.fingerprint() == shards.fingerprint()
        assert [folder.content(row) for row in range(len(folder))] == [
            shards.content(row) for row in range(len(shards))
        ]


def test_the_index_is_made_once_and_anew_for_other_shards(world, cache):
    folder = world / "webvision"
    read_train(folder, 10)
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    read_train(folder, 10)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before
    os.utime(folder / "shards/000.tar", ns=(0, 0))
    read_train(folder, 10)
    assert len(list(cache.iterdir())) == len(before) + 1


def test_a_folder_without_shards(tmp_path):
    assert open_shards(tmp_path) is None


def test_an_image_that_no_shard_holds(world):
    (world / "webvision/shards/001.tar").unlink()
    with pytest.raises(InputError, match="is in none of the shards"):
        images = read_train(world / "webvision", 10)
        for row in range(3):
            images.decode(row)


@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_a_shard_that_is_no_tar_file(world, damage):
    path = world / "webvision/shards/001.tar"
    path.write_bytes(path.read_bytes()[:-30000] if damage == "truncated" else b"<html>404</html>")
    with pytest.raises(InputError, match=r"001\.tar is no whole, uncompressed tar file") as error:
        read_train(world / "webvision", 10)
    assert "\n" not in error.value.sentence


def test_an_image_that_stands_in_two_shards(world):
    shutil.copy(world / "webvision/shards/000.tar", world / "webvision/shards/copy.tar")
    with pytest.raises(InputError, match=r"twice, in 000\.tar and in copy\.tar"):
        read_train(world / "webvision", 10)
