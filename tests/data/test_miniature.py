"""The miniature is what its configuration says, and the same each time."""

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.workspace import Workspace
from data.miniature import build, sources
from data.miniature.build import ItemPool
from data.miniature.classes import CLOTHING, IMAGENET_CLASSES
from data.miniature.config import Places205Part
from data.miniature.places205 import write_places205
from data.miniature.writers import OUT_OF_DISTRIBUTION
from data.sets.webvision import reader as webvision
from tests.conftest import TINY


def hidden_truth(folder):
    lines = (folder / "webvision/info/hidden_truth.txt").read_text().split()
    return lines[::2], np.array(lines[1::2], dtype=int)


def test_hidden_truth_has_the_noise_that_was_asked_for(miniature):
    images = webvision.read_train(miniature / "webvision", len(IMAGENET_CLASSES))
    names, truth = hidden_truth(miniature)
    assert names == [path.decode() for path in images.paths]
    strange = truth == OUT_OF_DISTRIBUTION
    assert abs(strange.mean() - 0.25) < 0.1
    assert abs((truth != images.labels)[~strange].mean() - 0.4) < 0.12


def test_two_builds_are_equal(miniature, tmp_path):
    first, second = Workspace(tmp_path / "a"), Workspace(tmp_path / "b")
    for workspace in (first, second):
        workspace.folder.mkdir()
        build.run(TINY, workspace)
    assert first.provenance == second.provenance
    files = [sorted(p.relative_to(w.folder) for p in w.folder.rglob("*.*")) for w in (first, second)]
    assert files[0] == files[1]
    assert all((first.folder / path).read_bytes() == (second.folder / path).read_bytes() for path in files[0][:300])


def test_an_interrupted_build_is_started_over(tmp_path):
    workspace = Workspace(tmp_path)
    stray = tmp_path / "webvision/google/q0000/stray.jpg"
    stray.parent.mkdir(parents=True)
    stray.write_text("half")
    build.run(TINY, workspace)
    assert not stray.exists()


def test_more_pictures_than_there_are():
    pool = ItemPool({CLOTHING[0]: np.zeros((1, 1, 1))}, np.random.default_rng(0))
    pool.take(CLOTHING[0])
    with pytest.raises(InputError, match="more pictures of class tshirt"):
        pool.take(CLOTHING[0])


def test_no_picture_is_handed_out_twice():
    pictures = np.arange(30, dtype=np.uint8).reshape(30, 1, 1)
    pool = ItemPool({CLOTHING[0]: pictures}, np.random.default_rng(0))
    taken = [int(pool.take(CLOTHING[0])[0, 0]) for _ in range(30)]
    assert sorted(taken) == list(range(30))


def test_no_pixel_of_a_scene_is_in_both_splits(tmp_path):
    halves = np.repeat([[30, 220]], 200, axis=1).repeat(100, axis=0).astype(np.uint8)  # dark left, bright right
    part = Places205Part(images=40, validation_images=40)
    rng = np.random.default_rng(0)
    write_places205(tmp_path, part, {"halves": Image.fromarray(halves).convert("RGB")}, 32, rng)
    for path in tmp_path.rglob("*.jpg"):
        image = np.asarray(Image.open(path))
        assert image.min() == image.max(), path  # the other half would show, also from one pixel away
        level = image.max() / (30 if path.name.startswith("train") else 220)
        assert 0.45 < level < 1.2


def test_scenes_are_no_backgrounds():
    assert not {name.rsplit("/", 1)[1] for name in sources.SCENES} & set(sources.PHOTOGRAPHS)
    assert len(sources.scenes()) == len(sources.SCENES) == 12


@pytest.mark.parametrize("value", ["file", "/proc/nowhere"])
def test_downloads_stay_with_the_job_where_there_is_no_cache(tmp_path, monkeypatch, value):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / value))
    assert build.downloads_folder(Workspace(tmp_path)) == tmp_path / "downloads"
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert build.downloads_folder(Workspace(tmp_path)) == tmp_path / "home/.cache/mopro-reproduction"
