"""Data sets from their archives: the same as if they had been unpacked by hand, also after processes were killed."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import run_all
from core.files import is_held
from data import manifest
from data.preparation import outputs, unpacking
from data.sets.coco.reader import read_coco
from data.sets.imagenet import reader as imagenet
from data.sets.imagenet import synsets
from data.sets.imagenet_variants.reader import read_variant
from data.sets.places205 import reader as places205
from data.sets.voc07.reader import read_classification
from data.sets.webvision import reader as webvision
from tests.support import published

IMAGES = 20  # of each synset
TIMES_KILLED = {(): 10, ("--shards",): 3}


@pytest.fixture(scope="module")
def training() -> dict[str, bytes]:
    names = (f"{synset}_{number}.JPEG" for synset in synsets.imagenet() for number in range(IMAGES))
    return {name: published.tiny_jpeg(name) for name in names}


@pytest.fixture(scope="module")
def downloads(tmp_path_factory, miniature, training) -> Path:
    """All archives."""
    folder = tmp_path_factory.mktemp("downloads")
    validation = {synset: published.tiny_jpeg(synset) for synset in synsets.imagenet()[7::11]}
    published.write_imagenet(folder, training.items(), validation)
    published.write_miniatures(folder, miniature)
    return folder


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> Path:
    return published.write_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, downloads, manifests) -> dict[str, Path]:
    """All data sets, as files and as far as possible in shards."""
    roots = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest, "REPOSITORY", manifests)
        patched.setattr(outputs, "BYTES_OF_A_SHARD", 20_000)
        for name, options in {"files": [], "shards": ["--shards"]}.items():
            roots[name] = tmp_path_factory.mktemp(name)
            assert run_all.main(["data", "prepare", *options, *places(roots[name], downloads), "--jobs", "2"]) == 0
    return roots


def places(root: Path, downloads: Path) -> list[str]:
    return ["--profile", "paper", "--set", f"data.root={root}", "--from", str(downloads)]


def digests(folder: Path) -> dict[str, str]:
    """Of all files but the one that says when."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in published.files_below(folder)
        if name != "prepared.json"
    }


@pytest.mark.parametrize("form", ["files", "shards"])
def test_imagenet_of_all_synsets_is_read_to_the_byte(prepared, training, form):
    table = imagenet.read_split(prepared[form] / "imagenet", "train", 1000)
    assert [path.decode().split("/")[1] for path in table.paths] == sorted(training)
    assert all(table.content(row) == training[path.decode().split("/")[1]] for row, path in enumerate(table.paths))
    assert np.array_equal(table.labels, np.repeat(np.arange(1000), IMAGES))


@pytest.mark.parametrize("form", ["files", "shards"])
def test_validation_images_lie_in_the_synsets_that_the_kit_names(prepared, form):
    root = prepared[form] / "imagenet"
    table = imagenet.read_split(root, "val", len(synsets.imagenet()[7::11]))
    contents = [published.tiny_jpeg(path.decode().split("/")[0]) for path in table.paths]
    assert [table.content(row) for row in range(len(table))] == contents


def readings(root: Path, miniature: Path) -> dict[str, object]:
    """What readers make of every data set but ImageNet, whose classes are others here."""
    coco = read_coco(root / "coco", 10)
    return {
        "webvision": webvision.read_train(root / "webvision1.0", 10).fingerprint(),
        "its validation": webvision.read_validation(root / "webvision1.0", 10).fingerprint(),
        "webvision2": webvision.read_train(root / "webvision2.0", 10).fingerprint(),
        "its validation too": webvision.read_validation(root / "webvision2.0", 10).fingerprint(),
        "places205": places205.read_split(root / "places205", "train", 12).fingerprint(),
        "voc07": read_classification(root / "VOCdevkit", "trainval", 20).fingerprint(),
        "voc07 test": read_classification(root / "VOCdevkit", "test", 20).fingerprint(),
        "coco": [split.fingerprint() for split in coco.values()],
        "imagenet-r": read_variant(root / "imagenet-r", None, miniature / "imagenet", 10)[0].fingerprint(),
        "imagenet-a": read_variant(root / "imagenet-a", None, miniature / "imagenet", 10)[0].fingerprint(),
    }


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory, miniature) -> Path:
    """The miniature's folders by the names of the paper's profile."""
    root = tmp_path_factory.mktemp("by-hand")
    same = {"webvision1.0": "webvision", "webvision2.0": "webvision", "imagenet-a": "imagenet-r"}
    for name in ("webvision1.0", "webvision2.0", "places205", "VOCdevkit", "coco", "imagenet-r", "imagenet-a"):
        (root / name).symlink_to(miniature / same.get(name, name))
    return root


@pytest.mark.parametrize("form", ["files", "shards"])
def test_every_reader_finds_what_was_in_the_archives(prepared, by_hand, miniature, form):
    assert readings(prepared[form], miniature) == readings(by_hand, miniature)


def test_shards_take_the_place_of_files(prepared):
    assert [path for path in prepared["shards"].rglob("*.JPEG") if "imagenet-" not in str(path)] == []
    for name in ("imagenet/train", "imagenet/val", "webvision1.0", "webvision1.0/val_images_256", "imagenet-r"):
        shards = list((prepared["shards"] / name / "shards").glob("*.tar"))
        assert shards and all(shard.stat().st_size < 100_000 for shard in shards)
    assert len(list((prepared["shards"] / "webvision1.0/shards").glob("google_resized_256-*.tar"))) > 1


def test_what_it_was_made_of_is_written_down(prepared, downloads):
    told = json.loads((prepared["shards"] / "imagenet/prepared.json").read_text())
    train = downloads / "ILSVRC2012_img_train.tar"
    assert told["archives"][0] == {"name": train.name, "bytes": train.stat().st_size, "published_sha256": None}
    assert (told["shards"], told["shorter_side"], told["jpeg_quality"]) == (True, None, None)


def prepare_in_a_group_of_its_own(arguments: list[str], manifests: Path) -> None:
    os.setsid()
    manifest.REPOSITORY = manifests
    outputs.BYTES_OF_A_SHARD = 20_000
    unpacking.SECONDS_BETWEEN_NOTES, unpacking.SECONDS_BETWEEN_LOOKS = 0.05, 0.02
    os._exit(run_all.main(["data", "prepare", "imagenet", *arguments, "--jobs", "2"]))


def killed_after(pieces: int, seconds: float, aside: Path, *arguments: object) -> None:
    """Prepare ImageNet in processes that are killed together when so many of its pieces more are whole."""
    process = multiprocessing.get_context("fork").Process(target=prepare_in_a_group_of_its_own, args=arguments)
    before = len(whole_pieces(aside))
    process.start()
    while process.is_alive() and (not is_held(aside) or len(whole_pieces(aside)) < before + pieces):
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("options", TIMES_KILLED)
def test_it_goes_on_where_it_was_killed(prepared, downloads, manifests, tmp_path, options):
    """With the same end; what was noted as whole is not unpacked again."""
    arguments = [*options, *places(tmp_path, downloads)]
    aside, rng = tmp_path / ".imagenet.preparing", random.Random(0)
    done: dict[Path, int] = {}
    for _ in range(TIMES_KILLED[options]):
        killed_after(rng.randrange(40), rng.uniform(0, 0.03), aside, arguments, manifests)
        assert not (tmp_path / "imagenet").exists()
        done |= written_of_whole_pieces(aside)
    last = multiprocessing.get_context("fork").Process(
        target=prepare_in_a_group_of_its_own, args=(arguments, manifests)
    )
    last.start()
    last.join()
    assert last.exitcode == 0 and not aside.exists() and done
    for path, written in done.items():
        assert (tmp_path / "imagenet" / path).stat().st_mtime_ns == written
    undisturbed = prepared["shards" if options else "files"] / "imagenet"
    assert digests(tmp_path / "imagenet") == digests(undisturbed)


def whole_pieces(aside: Path) -> set[str]:
    """The names of those that are noted as whole."""
    try:
        pieces = json.loads((aside / "progress.json").read_text())["pieces"]
    except FileNotFoundError:
        return set()
    return {name for name, state in pieces.items() if state["is_whole"]}


def written_of_whole_pieces(aside: Path) -> dict[Path, int]:
    """When the files of synsets that are whole were written."""
    content = aside / "content"
    return {
        path.relative_to(content): path.stat().st_mtime_ns
        for name in whole_pieces(aside)
        for path in (*content.glob(f"train/{name}/*"), *content.glob(f"train/shards/{name}-*.tar"))
    }
