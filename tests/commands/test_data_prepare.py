"""What prepared data sets are to the other commands, and forms in which they can be prepared."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import run_all
from data.sets.coco.reader import read_coco
from data.sets.imagenet import synsets
from data.sets.imagenet_variants.reader import read_variant
from tests.support import published
from tests.support.image_files import photograph, saved

SYNSET = synsets.variant("imagenet-r")[0]


pytestmark = pytest.mark.usefixtures("nothing_is_stated")


@pytest.fixture
def downloads(tmp_path, miniature) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    published.write_miniatures(folder, miniature)
    return folder


def settings(world: Path, root: Path) -> list[str]:
    """The profile ``mini`` on a world that is there, but for three data sets below ``root``."""
    values = {
        "miniature": None,
        "hard_images": None,
        "data.webvision.webvision.folder": world / "webvision",
        "data.imagenet": world / "imagenet",
        "data.places205.folder": world / "places205",
        "data.imagenet_a": None,
        "data.voc07": root / "VOCdevkit",
        "data.imagenet_r.folder": root / "imagenet-r",
        "data.coco.folder": root / "coco",
        "data.counts.voc07_trainval": 120,
        "data.counts.voc07_test": 41,
        "data.counts.imagenet_r": 67,
    }
    texts = {key: "null" if value is None else value for key, value in values.items()}
    return [part for key, value in texts.items() for part in ("--set", f"{key}={value}")]


def verified(world: Path, root: Path, runs: Path) -> dict[str, dict]:
    """What verification says of the three."""
    run_all.main(["verify", *settings(world, root), "--runs", str(runs), "--jobs", "1", "--full"])
    folder = runs / "mini/verification/full"
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in ("voc07", "imagenet_r", "coco")}


def test_what_was_prepared_passes_verification(miniature, downloads, tmp_path, capsys):
    """As what was unpacked by hand; the miniature's COCO lacks objects of some classes, here as there."""
    root = tmp_path / "root"
    names = ["voc07", "imagenet_r", "coco"]
    options = ["--from", str(downloads), "--jobs", "2", *settings(miniature, root)]
    assert run_all.main(["data", "prepare", *names, *options]) == 0
    ours, theirs = verified(miniature, root, tmp_path / "a"), verified(miniature, miniature, tmp_path / "b")
    for name in names:
        assert ours[name]["splits"] == theirs[name]["splits"]
        assert len(ours[name]["faults"]) == len(theirs[name]["faults"])
    assert ours["voc07"]["faults"] == ours["imagenet_r"]["faults"] == []


def prepare(downloads: Path, *arguments: str) -> int:
    root = f"data.root={downloads.parent / 'root'}"
    return run_all.main(
        ["data", "prepare", *arguments, "--profile", "paper", "--set", root, "--from", str(downloads), "--jobs", "1"]
    )


def write_renditions(downloads: Path, images: dict[str, bytes]) -> None:
    files = ((f"imagenet-r/{SYNSET}/{name}", content) for name, content in images.items())
    (downloads / "imagenet-r.tar").write_bytes(published.tar_of(files))


@pytest.mark.parametrize("form", ["files", "shards"])
def test_images_are_resized_once(downloads, miniature, capsys, form):
    """Those that are larger, to 90 pixels; an image that is broken is left to whoever reads it."""
    large = saved(photograph(), "JPEG", quality=95)
    high = saved(photograph().rotate(90, expand=True), "PNG")
    images = {
        "large.jpg": large,
        "high.jpg": high,
        "small.jpg": published.tiny_jpeg("small"),
        "broken.jpg": large[:900],
    }
    write_renditions(downloads, images)
    assert prepare(downloads, "imagenet-r", "--shorter-side", "90", *["--shards"] * (form == "shards")) == 0
    root = downloads.parent / "root/imagenet-r"
    found = contents(root)
    assert found["small.jpg"] == images["small.jpg"] and found["broken.jpg"] == images["broken.jpg"]
    resized, turned = (Image.open(io.BytesIO(found[name])) for name in ("large.jpg", "high.jpg"))
    assert (resized.size, turned.size, turned.format) == ((120, 90), (90, 120), "JPEG")
    expected = photograph().resize((120, 90), Image.Resampling.BILINEAR)
    brightness, ours = (np.asarray(image.convert("L"), dtype=int) for image in (expected, resized))
    assert np.abs(brightness - ours).mean() < 3  # of 256, after two JPEGs
    told = json.loads((root / "prepared.json").read_text())
    assert (told["shards"], told["shorter_side"], told["jpeg_quality"]) == (form == "shards", 90, 95)


def contents(root: Path) -> dict[str, bytes]:
    """The images of ImageNet-R, as files or in shards."""
    if not (root / "shards").exists():
        return {path.name: path.read_bytes() for path in (root / SYNSET).iterdir()}
    found = {}
    for shard in (root / "shards").iterdir():
        with tarfile.open(shard) as archive:
            found |= {Path(it.name).name: archive.extractfile(it).read() for it in archive}
    return found


def test_records_say_that_images_were_resized(downloads, miniature):
    assert prepare(downloads, "imagenet-r", "--shorter-side", "20") == 0
    images, _ = read_variant(downloads.parent / "root/imagenet-r", None, miniature / "imagenet", 10)
    assert images.fingerprint()["sizes"] == "resized to 20 x 20"


def test_annotations_in_pixels_keep_images_as_they_are(downloads, miniature, capsys):
    assert prepare(downloads, "coco", "voc07", "--shorter-side", "20", "--shards") == 0
    printed = capsys.readouterr().out
    for name in ("coco", "voc07"):
        assert f"{name}: its reader takes no shards" in printed
        assert f"{name}: its annotations are in pixels, so its images keep their size." in printed
    splits = (read_coco(root / "coco", 10) for root in (downloads.parent / "root", miniature))
    assert len({json.dumps([split.fingerprint() for split in it.values()]) for it in splits}) == 1
    told = json.loads((downloads.parent / "root/coco/prepared.json").read_text())
    assert (told["shards"], told["shorter_side"]) == (False, None)


def test_one_folder_of_several_sections_is_prepared_once(downloads, capsys):
    assert prepare(downloads, "webvision-v05", "webvision-v1") == 0
    assert capsys.readouterr().out == f"webvision-v05: prepared in {downloads.parent / 'root/webvision1.0'}.\n"
