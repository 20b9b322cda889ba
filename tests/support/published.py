"""Archives in the form in which data sets are published, made of tiny images; manifests that know nothing of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from scipy.io import savemat

from data.sets.imagenet import synsets
from tests.support import REPOSITORY

STATED = ("bytes", "md5", "sha256", "sure", "stated_by")
KIT = "ILSVRC2012_devkit_t12"
NUMBERS = f"{KIT}/data/ILSVRC2012_validation_ground_truth.txt"


@cache
def _tiny() -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), 77).save(file, "JPEG")
    return file.getvalue()


def tiny_jpeg(name: str) -> bytes:
    """An image of 8 x 8 pixels; a comment in it tells it from others."""
    comment = name.encode()
    return b"\xff\xd8\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + _tiny()[2:]


def tar_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """An uncompressed tar file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def files_below(folder: Path, within: str = "") -> Iterator[tuple[str, bytes]]:
    """The files of a folder, sorted, as they are called in an archive of that folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{within}{path.relative_to(folder)}", path.read_bytes()


def write_zip(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)


def write_gzipped(path: Path, content: bytes) -> None:
    import gzip

    path.write_bytes(gzip.compress(content, 1))


def write_imagenet(folder: Path, images: Iterable[tuple[str, bytes]], validation: Mapping[str, bytes]) -> None:
    """ImageNet's three archives.

    Args:
        folder: takes them.
        images: training images by name, those of a synset one after the other.
        validation: the image of each of some synsets.
    """
    of_synset: dict[str, list[tuple[str, bytes]]] = {synset: [] for synset in synsets.imagenet()}
    for name, content in images:
        of_synset[name.partition("_")[0]].append((name, content))
    inner = ((f"{synset}.tar", tar_of(files)) for synset, files in of_synset.items())
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_of(inner))
    flat = [(f"ILSVRC2012_val_{number:08}.JPEG", it) for number, it in enumerate(validation.values(), start=1)]
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar_of(flat))
    write_gzipped(folder / f"{KIT}.tar.gz", tar_of(kit_of(list(validation))))


def kit_of(truth: Iterable[str], known: Iterable[str] = synsets.imagenet()) -> Iterator[tuple[str, bytes]]:
    """The development kit's files: classes are numbered in another order than that of their synsets, as in the real."""
    numbers = {synset: number for number, synset in enumerate(reversed(list(known)), start=1)}
    names = [("ILSVRC2012_ID", int), ("WNID", object), ("words", object), ("gloss", object), ("num_children", int)]
    rows = [(number, synset, "a", "a", 0) for synset, number in numbers.items()]
    table = io.BytesIO()
    savemat(table, {"synsets": np.array([*rows, (len(rows) + 1, "n00001740", "entity", "a", 3)], dtype=names)})
    yield f"{KIT}/readme.txt", b"made in small"
    yield f"{KIT}/data/meta.mat", table.getvalue()
    lines = "".join(f"{numbers[synset]}\n" for synset in truth)
    yield NUMBERS, lines.encode()


def write_miniatures(folder: Path, miniature: Path) -> None:
    """The archives of all other data sets, of the images of a miniature; WebVision V2.0's in a folder of their own."""
    web, places, coco = (miniature / name for name in ("webvision", "places205", "coco"))
    for source in ("google", "flickr"):
        (folder / f"{source}_resized_256.tar").write_bytes(tar_of(files_below(web / source, f"{source}/")))
    (folder / "info.tar").write_bytes(tar_of(files_below(web / "info", "info/")))
    validation = list(files_below(web / "val_images_256", "val_images_256/"))
    (folder / "val_images_256.tar").write_bytes(tar_of(validation))
    second = folder / "webvision2.0"
    second.mkdir()
    lists = [it for it in files_below(web / "info", "info/") if not it[0].endswith("val_filelist.txt")]
    (second / "info.tar").write_bytes(tar_of(lists))
    (second / "val_filelist.txt").write_bytes((web / "info/val_filelist.txt").read_bytes())
    renamed = [(name.replace("val_images_256", "val_images_resized"), content) for name, content in validation]
    (second / "val_images_resized.tar").write_bytes(tar_of(renamed))
    training = [*files_below(web / "google", "google/"), *files_below(web / "flickr", "flickr/")]
    for part in range(33):
        (second / f"webvision_train_{part:02}.tar").write_bytes(tar_of(training[part::33]))
    write_gzipped(folder / "imagesPlaces205_resize.tar.gz", tar_of(files_below(places / "data", "data/")))
    write_gzipped(
        folder / "trainvalsplit_places205.tar.gz",
        tar_of(files_below(places / "trainvalsplit_places205", "trainvalsplit_places205/")),
    )
    for name in ("annotations", "train2017", "val2017"):
        zipped = "annotations_trainval2017" if name == "annotations" else name
        write_zip(folder / f"{zipped}.zip", files_below(coco / name, f"{name}/"))
    devkit = list(files_below(miniature / "VOCdevkit", "VOCdevkit/"))
    of_test = {line.split()[0] for line in (miniature / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").open()}
    for name, is_test in (("VOCtrainval_06-Nov-2007", False), ("VOCtest_06-Nov-2007", True)):
        part = [it for it in devkit if (it[0].endswith("test.txt") or Path(it[0]).stem in of_test) == is_test]
        (folder / f"{name}.tar").write_bytes(tar_of(part))
    for name in ("imagenet-r", "imagenet-a"):
        (folder / f"{name}.tar").write_bytes(tar_of(files_below(miniature / "imagenet-r", f"{name}/")))


def write_manifests(folder: Path) -> Path:
    """The manifests, without size and digest of any file, for a folder in the place of the repository's."""
    for path in (*REPOSITORY.glob("data/sets/*/manifest*.yaml"), REPOSITORY / "pretrain/releases.yaml"):
        releases: list[Any] = yaml.safe_load(path.read_text())
        for release in releases:
            release["files"] = [{key: it[key] for key in it if key not in STATED} for it in release["files"]]
        ours = folder / path.relative_to(REPOSITORY)
        ours.parent.mkdir(parents=True, exist_ok=True)
        ours.write_text(yaml.safe_dump(releases))
    return folder
