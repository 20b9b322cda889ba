"""The identity of a copy: of its content, whatever its path and form, in a few hundred reads."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import identity
from data.images import ImageTable
from data.paths import Paths
from data.sets.coco.reader import read_coco
from data.sets.imagenet.reader import read_split
from data.sets.webvision.reader import read_train
from tests.data.test_shards import pack
from tests.support.image_files import photograph


def write_set(folder: Path, sizes: list[tuple[int, int]]) -> ImageTable:
    """A table of photographs of these sizes."""
    folder.mkdir(parents=True)
    names = [f"{number:05d}.jpg" for number in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        photograph().resize(size).save(folder / name)
    return ImageTable(folder, Paths.of(names), np.arange(len(names)) % 3, 3, folder)


def resize_all(folder: Path, side: int) -> None:
    """As resized copies of data sets are made: by the short side."""
    for path in (path for path in folder.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg")):
        with Image.open(path) as image:
            factor = side / min(image.size)
            image.resize([round(factor * length) for length in image.size]).save(path, format="JPEG")


READERS = {
    "webvision": lambda root: read_train(root / "webvision", 10),
    "imagenet": lambda root: read_split(root / "imagenet", "train", 10),
    "coco": lambda root: read_coco(root / "coco", 10)["train"],
}


@pytest.mark.parametrize("name", READERS)
def test_the_same_copy_under_another_path_has_the_same_identity(name, miniature, tmp_path):
    there = shutil.copytree(miniature, tmp_path / "elsewhere")
    assert READERS[name](there).fingerprint() == READERS[name](miniature).fingerprint()


@pytest.mark.parametrize("name", ["webvision", "imagenet"])
@pytest.mark.parametrize("in_shards", [False, True])
def test_two_copies_at_different_sizes_have_different_identities(name, in_shards, miniature, tmp_path, monkeypatch):
    """As the lists name the same files, nothing but the content tells them apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    original, resized = (shutil.copytree(miniature / name, tmp_path / kind / name) for kind in ("a", "b"))
    resize_all(resized, 24)
    if in_shards:
        for folder in (original, resized):
            pack(folder if name == "webvision" else folder / "train")
    ours, theirs = (READERS[name](folder.parent).fingerprint() for folder in (original, resized))
    assert ours["sha256"] == theirs["sha256"]
    assert {key for key in ours if ours[key] != theirs[key]} >= {"sample_sha256", "sides_sha256", "sizes"}
    assert (theirs["short_side"], theirs["sizes"]) == (24, "resized to 24 x 24")


def test_a_copy_that_was_encoded_anew_has_another_identity(miniature, tmp_path):
    copy = shutil.copytree(miniature / "webvision", tmp_path / "webvision")
    resize_all(copy, 40)  # the size that it has
    ours, theirs = (read_train(root, 10).fingerprint() for root in (miniature / "webvision", copy))
    assert {key for key in ours if ours[key] != theirs[key]} == {"sample_sha256"}


def various(rng: np.random.Generator, count: int) -> list[tuple[int, int]]:
    return [tuple(int(side) for side in rng.integers(300, 2000, 2)) for _ in range(count)]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (various(np.random.default_rng(0), 100), "original"),
        ([(256, 341)] * 60 + [(500, 256)] * 40, "resized to 256"),
        ([(256, 341)] * 70 + [(120, 90)] * 30, "resized to 256"),  # small ones are often left as they are
        ([(256, 256)] * 100, "resized to 256 x 256"),
        ([(500, 375)] * 55 + [(375, 500)] * 20 + [(500, 400), (333, 500)] * 12 + [(500, 500)], "long side at most 500"),
        ([(500, 375)] * 40 + various(np.random.default_rng(1), 60), "original"),  # as in ImageNet
        ([(256, 341)] * 97 + [(400, 400)] * 3, "original"),  # a limit that 3% exceed is none
        ([(256, 341)] * 99 + [(400, 400)], "resized to 256"),
        ([(256, 300)] * 49 + [(200 + n, 300 + n) for n in range(51)], "original"),
        ([], None),
    ],
)
def test_sizes_in_words(sizes, said):
    assert identity.described_sizes(sizes) == said


def test_what_is_hashed(tmp_path):
    table = write_set(tmp_path / "set", [(20, 30), (40, 20), (25, 35)])
    contents = [table.content(row) for row in range(3)]
    found = table.fingerprint()
    of_bytes = b"".join(len(content).to_bytes(8, "little") + content for content in contents)
    of_sides = b"".join(side.to_bytes(8, "little") for side in (20, 30, 40, 20, 25, 35))
    assert found["sample_sha256"] == hashlib.sha256(of_bytes).hexdigest()
    assert found["sides_sha256"] == hashlib.sha256(of_sides).hexdigest()
    assert (found["sampled"], found["short_side"], found["long_side"]) == (3, 20, 35)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
def test_a_broken_image_counts_as_that(damage, tmp_path):
    table = write_set(tmp_path / "set", [(20, 30)] * 3)
    whole = table.fingerprint()
    damage(table.root / "00001.jpg")
    broken = replace(table).fingerprint()
    assert broken["sample_sha256"] != whole["sample_sha256"] and broken["sizes"] == whole["sizes"]


@pytest.mark.parametrize("images", [0, 1, 255, 256, 257, 1000, 2_448_872])
def test_the_sample_has_a_row_of_every_part(images):
    rows = identity.sampled_rows(images)
    parts = min(images, 256)
    assert len(rows) == parts and (np.diff(rows) > 0).all()
    bounds = np.arange(parts + 1) * images // max(parts, 1)
    assert (bounds[:-1] <= rows).all() and (rows < bounds[1:]).all()
    assert (rows == identity.sampled_rows(images)).all()


def test_no_more_than_the_sample_is_read(tmp_path, monkeypatch):
    names = [f"{number}.jpg" for number in range(5000)]
    table = ImageTable(tmp_path, Paths.of(names), np.zeros(5000, dtype=np.int64), 1, tmp_path)
    content, read = b"GIF", []
    monkeypatch.setattr(ImageTable, "content", lambda self, index: read.append(index) or content)
    assert table.fingerprint()["sampled"] == len(read) == 256


def test_the_digest_of_all_images_can_be_gone_on_with():
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(5)]
    whole = identity.digest_after(identity.NO_IMAGE, digests)
    assert identity.digest_after(identity.digest_after(identity.NO_IMAGE, digests[:2]), digests[2:]) == whole
    assert identity.digest_after(identity.NO_IMAGE, digests[::-1]) != whole
