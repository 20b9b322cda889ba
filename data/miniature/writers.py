"""Writers of the miniature's data sets; each gives the number of images it wrote."""

from pathlib import Path
from typing import NamedTuple, Protocol
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from data.miniature.classes import ANIMALS, IMAGENET_CLASSES, VOC_CLASSES, ItemClass
from data.miniature.config import ImageNetPart, VOCPart, WebVisionPart
from data.miniature.scenes import Box, Painter

JPEG_QUALITY = 92
OUT_OF_DISTRIBUTION = -1  # in the hidden truth


class Items(Protocol):
    """Hands out pictures of a class, each once."""

    def take(self, kind: ItemClass) -> np.ndarray: ...


class Studio(NamedTuple):
    """What every writer works with.

    Attributes:
        size: side of a single image, in pixels.
        items: the pictures of the classes.
        digits: ``[n, 28, 28]`` pictures that belong to no class.
        painter: of this data set, with a generator of its own.
    """

    size: int
    items: Items
    digits: np.ndarray
    painter: Painter

    @property
    def whole(self) -> Box:
        """The place of an item that has an image to itself."""
        return Box(0, 0, self.size, self.size)


def write_webvision(folder: Path, part: WebVisionPart, studio: Studio) -> int:
    """``info/*.txt``, ``google/``, ``flickr/`` and ``val_images_256/``.

    Beside the published lists is ``info/hidden_truth.txt`` with the true label of every training image (-1: out
    of distribution). It is for analysis alone; no training code reads it.
    """
    lists: dict[str, list[str]] = {"google": [], "flickr": []}
    truth = []
    for number in range(part.images):
        label = number % len(IMAGENET_CLASSES)
        true_label = _true_label(label, part, studio.painter.rng)
        image = (
            _out_of_distribution_image(studio) if true_label == OUT_OF_DISTRIBUTION else single_item(true_label, studio)
        )
        engine = "google" if number < part.images // 2 else "flickr"
        name = f"{engine}/q{label:04d}/{number:07d}.jpg"
        save(image, folder / name)
        lists[engine].append(f"{name} {label}")
        truth.append(f"{name} {true_label}")
    for engine, lines in lists.items():
        write_lines(folder / "info" / f"train_filelist_{engine}.txt", lines)
    write_lines(folder / "info" / "hidden_truth.txt", truth)

    lines = []
    for number in range(part.validation_images):
        label = number % len(IMAGENET_CLASSES)
        name = f"val{number:06d}.jpg"
        save(single_item(label, studio), folder / "val_images_256" / name)
        lines.append(f"{name} {label}")
    write_lines(folder / "info" / "val_filelist.txt", lines)
    return part.images + part.validation_images


def write_imagenet(folder: Path, part: ImageNetPart, studio: Studio) -> int:
    """``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``."""
    for split, images in (("train", part.images), ("val", part.validation_images)):
        write_synsets(folder / split, images, studio)
    return part.images + part.validation_images


def write_synsets(folder: Path, images: int, studio: Studio) -> int:
    """``<synset>/*.JPEG``, the classes by turns."""
    for number in range(images):
        label = number % len(IMAGENET_CLASSES)
        synset = IMAGENET_CLASSES[label].synset
        save(single_item(label, studio), folder / synset / f"{synset}_{number}.JPEG")
    return images


def write_voc07(folder: Path, part: VOCPart, studio: Studio) -> int:
    """``VOC2007/ImageSets/Main``, ``VOC2007/Annotations`` with boxes, ``VOC2007/JPEGImages``."""
    year = folder / "VOC2007"
    number = 0
    for split, images in (("trainval", part.trainval_images), ("test", part.test_images)):
        flags: dict[str, dict[str, int]] = {item_class.name: {} for item_class in VOC_CLASSES}
        for _ in range(images):
            number += 1
            name = f"{number:06d}"
            canvas, objects = _canvas(part.difficult, studio)
            save(canvas, year / "JPEGImages" / f"{name}.jpg")
            _write_annotation(year / "Annotations" / f"{name}.xml", canvas, objects)
            for item_class in VOC_CLASSES:
                marks = [difficult for label, _, difficult in objects if VOC_CLASSES[label] is item_class]
                flags[item_class.name][name] = -1 if not marks else int(not all(marks))
        for class_name, of_image in flags.items():
            path = year / "ImageSets" / "Main" / f"{class_name}_{split}.txt"
            write_lines(path, [f"{name} {flag:2d}" for name, flag in of_image.items()])
        names = list(next(iter(flags.values())))
        write_lines(year / "ImageSets" / "Main" / f"{split}.txt", names)
    return number


def _true_label(label: int, part: WebVisionPart, rng: np.random.Generator) -> int:
    if rng.random() < part.out_of_distribution:
        return OUT_OF_DISTRIBUTION
    if rng.random() < part.label_noise:
        return int((label + rng.integers(1, len(IMAGENET_CLASSES))) % len(IMAGENET_CLASSES))
    return label


def single_item(label: int, studio: Studio) -> Image.Image:
    """A fresh picture of the class on a background."""
    image = studio.painter.background(studio.size)
    studio.painter.paint(image, studio.items.take(IMAGENET_CLASSES[label]), studio.whole)
    return image


def _out_of_distribution_image(studio: Studio) -> Image.Image:
    """An out-of-distribution image: an animal, a digit, or nothing but background."""
    painter, rng = studio.painter, studio.painter.rng
    image = painter.background(studio.size)
    kind = rng.integers(3)
    if kind == 0:
        painter.paint(image, studio.items.take(ANIMALS[int(rng.integers(len(ANIMALS)))]), studio.whole)
    elif kind == 1:
        painter.paint(image, studio.digits[int(rng.integers(len(studio.digits)))], studio.whole)
    return image


def _canvas(difficult: float, studio: Studio) -> tuple[Image.Image, list[tuple[int, Box, bool]]]:
    """A canvas of 2 x 2 cells with its objects: label, box, difficult."""
    size, painter, rng = studio.size, studio.painter, studio.painter.rng
    canvas = painter.background(2 * size)
    objects = []
    for cell in rng.choice(4, rng.integers(1, 5), replace=False):
        row, column = divmod(int(cell), 2)
        label = int(rng.integers(len(VOC_CLASSES)))
        before = canvas.copy()
        place = Box(column * size, row * size, (column + 1) * size, (row + 1) * size)
        box = painter.paint(canvas, studio.items.take(VOC_CLASSES[label]), place)
        is_difficult = bool(rng.random() < difficult)
        if is_difficult:
            canvas = Image.blend(before, canvas, 0.4)
        objects.append((label, box, is_difficult))
    return canvas, objects


def _write_annotation(path: Path, canvas: Image.Image, objects: list[tuple[int, Box, bool]]) -> None:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = "VOC2007"
    ElementTree.SubElement(root, "filename").text = f"{path.stem}.jpg"
    sizes = ElementTree.SubElement(root, "size")
    for tag, value in (("width", canvas.width), ("height", canvas.height), ("depth", 3)):
        ElementTree.SubElement(sizes, tag).text = str(value)
    for label, box, is_difficult in objects:
        node = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(node, "name").text = VOC_CLASSES[label].name
        ElementTree.SubElement(node, "difficult").text = str(int(is_difficult))
        corners = ElementTree.SubElement(node, "bndbox")
        # VOC counts pixels from 1 and includes the last one.
        for tag, value in (("xmin", box.left + 1), ("ymin", box.top + 1), ("xmax", box.right), ("ymax", box.bottom)):
            ElementTree.SubElement(corners, tag).text = str(value)
    ElementTree.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path)


def save(image: Image.Image, path: Path) -> None:
    """Write a JPEG; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=JPEG_QUALITY)


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a list; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
