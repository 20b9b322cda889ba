"""The stage that builds the miniature: sources -> items -> data sets in their published folder structures."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.cache import cache_folder
from core.errors import InputError
from core.files import sha256_of
from core.seeds import generator
from core.workspace import Workspace
from data.miniature import sources, writers
from data.miniature.classes import ANIMALS, CLOTHING, ItemClass
from data.miniature.coco import write_coco
from data.miniature.config import MiniatureConfig
from data.miniature.places205 import write_places205
from data.miniature.renditions import write_imagenet_r
from data.miniature.scenes import Painter


class ItemPool:
    """Hands out each real picture at most once, so that no two images of the miniature share one.

    Args:
        pictures: for each class, ``[n, 28, 28]`` gray pictures.
        rng: shuffles them.
    """

    def __init__(self, pictures: Mapping[ItemClass, np.ndarray], rng: np.random.Generator) -> None:
        self._left = {kind: list(of_class[rng.permutation(len(of_class))]) for kind, of_class in pictures.items()}

    def take(self, kind: ItemClass) -> np.ndarray:
        """A picture of the class that nobody was given before.

        Raises:
            InputError: all have been handed out.
        """
        if not self._left[kind]:
            raise InputError(
                f"The miniature asks for more pictures of class {kind.name} than there are: make it smaller."
            )
        return self._left[kind].pop()


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Build every data set of the miniature in the job's folder.

    Gives the number of images of every data set. The provenance holds the copy of Fashion-MNIST that was read and a
    digest over the names and contents of all files.
    """
    config = MiniatureConfig.model_validate(settings)
    clothing, workspace.provenance["fashion_mnist"] = sources.fashion_mnist(downloads_folder(workspace))
    pictures = dict(zip(CLOTHING + ANIMALS, clothing + sources.animals(), strict=True))
    pool = ItemPool(pictures, generator(config.seed, "pool"))
    photographs, digits = sources.photographs(), sources.digits()

    def studio(name: str) -> writers.Studio:
        painter = Painter(photographs, generator(config.seed, name))
        return writers.Studio(config.image_size, pool, digits, painter)

    by_folder = {
        "webvision": lambda folder: writers.write_webvision(folder, config.webvision, studio("webvision")),
        "imagenet": lambda folder: writers.write_imagenet(folder, config.imagenet, studio("imagenet")),
        "VOCdevkit": lambda folder: writers.write_voc07(folder, config.voc07, studio("voc07")),
        "places205": lambda folder: write_places205(
            folder,
            config.places205,
            sources.scenes(),
            config.image_size,
            generator(config.seed, "places205"),
        ),
        "imagenet-r": lambda folder: write_imagenet_r(folder, config.imagenet_r.images, studio("imagenet-r")),
        "imagenet-pool": lambda folder: writers.write_synsets(
            folder, config.imagenet_pool.images, studio("imagenet-pool")
        ),
        "coco": lambda folder: write_coco(folder, config.coco, studio("coco")),
    }
    metrics = {}
    for done, (name, write) in enumerate(by_folder.items()):
        workspace.progress(done, len(by_folder), "data sets")
        folder = workspace.folder / name
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted build left
        images = write(folder)
        print(f"{name}: {images} images in {folder}")
        metrics[f"{name}_images"] = {"value": images, "unit": "images", "n": 1}
    workspace.progress(len(by_folder), len(by_folder), "data sets")
    workspace.provenance["content_sha256"] = _digest([workspace.folder / name for name in by_folder])
    return metrics


def downloads_folder(workspace: Workspace) -> Path:
    """The user's cache; a folder of the job's own where there is none that can be written."""
    cache = cache_folder()
    try:
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        if cache is not None and os.access(cache, os.W_OK):
            return cache
        reason = "there is no absolute XDG_CACHE_HOME or HOME" if cache is None else f"{cache} cannot be written"
    except OSError as error:
        reason = f"{cache} cannot be made: {error.strerror}"
    print(f"What is downloaded is kept with the job, not in the user's cache ({reason}).")
    folder = workspace.folder / "downloads"
    folder.mkdir(exist_ok=True)
    return folder


def _digest(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder.parent)} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
