"""Parts of a training set: a uniform draw, or a list of names."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from data.config import DrawnSubset
from data.images import ImageTable
from data.paths import Paths
from data.sets.imagenet.reader import read_split
from data.subsets import chosen_images, listed_subset, random_subset


@pytest.fixture
def train(miniature) -> ImageTable:
    return read_split(miniature / "imagenet", "train", 10)


def numbered(images: int) -> ImageTable:
    """A table whose labels are its rows."""
    paths = Paths.of(f"{row:05d}" for row in range(images))
    return ImageTable(Path("."), paths, np.arange(images), images, Path("."))


@pytest.mark.parametrize(("fraction", "images"), [(0.01, 10), (0.1, 100), (0.0126, 13), (1, 1000)])
def test_a_random_subset_has_the_size_that_was_asked_for_and_no_image_twice(fraction, images):
    rows = random_subset(numbered(1000), fraction, seed=0).labels
    assert len(set(rows)) == len(rows) == images


def test_paths_and_labels_stay_together(train):
    subset = random_subset(train, 0.5, seed=3)
    of_path = dict(zip(train.paths.tolist(), train.labels.tolist(), strict=True))
    assert [of_path[path] for path in subset.paths.tolist()] == subset.labels.tolist()


def test_a_random_subset_depends_on_the_seed_alone():
    images = numbered(1000)
    first = random_subset(images, 0.1, seed=1)
    np.random.default_rng().random()
    assert first.fingerprint() == random_subset(images, 0.1, seed=1).fingerprint()
    assert first.fingerprint() != random_subset(images, 0.1, seed=2).fingerprint()


def test_the_smaller_subset_lies_inside_the_larger():
    images = numbered(1000)
    assert set(random_subset(images, 0.01, seed=5).labels) < set(random_subset(images, 0.1, seed=5).labels)


def test_the_draw_is_uniform():
    """400 draws of 30 of 100: each image is drawn 120 times, give or take 9.2; no class or place is preferred."""
    draws = np.concatenate([random_subset(numbered(100), 0.3, seed).labels for seed in range(400)])
    counts = np.bincount(draws, minlength=100)
    chi_square = ((counts - 120) ** 2 / (120 * 0.7)).sum()
    assert chi_square < 149  # exceeded with probability 0.001 by 100 uniform counts
    assert abs(counts - 120).max() < 5 * 9.2


def test_a_draw_without_excluded_images(tmp_path):
    """The draw is that of all images: leaving one out takes away that one, and puts no other in its place."""
    images = numbered(100)
    drawn = chosen_images(images, DrawnSubset(seed=3, images=40), None)
    assert len(set(drawn.labels)) == 40 and (np.diff(drawn.labels) > 0).all()
    stranger = next(row for row in range(100) if row not in drawn.labels)
    excluded = written(tmp_path, f"{drawn.labels[5]:05d}", f"{stranger:05d}")
    left = chosen_images(images, DrawnSubset(seed=3, images=40), excluded)
    assert left.labels.tolist() == [label for label in drawn.labels if label != drawn.labels[5]]
    assert chosen_images(images, None, written(tmp_path)).fingerprint() == images.fingerprint()


def test_what_does_not_fit_is_said(tmp_path):
    images = numbered(100)
    with pytest.raises(InputError, match=r"A subset of 101 images is to be drawn, .* names 100"):
        chosen_images(images, DrawnSubset(seed=3, images=101), None)
    with pytest.raises(InputError, match=r"names\.txt, line 2: '00100' is not in"):
        chosen_images(images, None, written(tmp_path, "00003", "00100"))
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read"):
        chosen_images(images, None, tmp_path / "nowhere.txt")


def written(folder: Path, *lines: str) -> Path:
    path = folder / "names.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def names_of(images: ImageTable) -> list[str]:
    return [path.decode().split("/")[1] for path in images.paths]


def test_a_list_gives_the_named_images_in_its_order(train, tmp_path):
    names = names_of(train)[::-7]
    subset = listed_subset(train, written(tmp_path, *names))
    assert names_of(subset) == names
    assert subset.labels.tolist() == train.labels[::-7].tolist()
    assert subset.decode(0).shape == (40, 40, 3)


@pytest.mark.parametrize("stranger", ["n04235860_14959.JPEG", "", "nonsense", "../n02774152_8.JPEG"])
def test_a_name_that_is_not_in_the_train_folder(train, tmp_path, stranger):
    path = written(tmp_path, names_of(train)[0], stranger)
    with pytest.raises(InputError) as error:
        listed_subset(train, path)
    sentence = error.value.sentence
    assert sentence.startswith(f"{path}, line 2: {stranger!r} is not in {train.root}, expected"), sentence
    assert "\n" not in sentence


def test_a_name_that_stands_in_the_list_twice(train, tmp_path):
    first, second = names_of(train)[:2]
    with pytest.raises(InputError, match=rf"names\.txt, line 3: '{first}' is on line 1 already"):
        listed_subset(train, written(tmp_path, first, second, first))


def test_a_list_that_is_missing_or_empty(train, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read"):
        listed_subset(train, tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match=r"names\.txt is empty"):
        listed_subset(train, written(tmp_path))
