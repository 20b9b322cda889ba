"""Fixtures that several test modules share."""

import multiprocessing.forkserver
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.workspace import Workspace
from data import manifest
from data.miniature import build
from tests.support import published
from tests.support.file_server import FileServer, serving

torch.set_num_threads(1)  # as jobs have it; more threads only wait for each other on images this small

TINY = {
    "seed": 0,
    "image_size": 40,
    "webvision": {"images": 200, "label_noise": 0.4, "out_of_distribution": 0.25, "validation_images": 41},
    "imagenet": {"images": 40, "validation_images": 41},
    "voc07": {"trainval_images": 120, "test_images": 41, "difficult": 0.2},
    "places205": {"images": 60, "validation_images": 41},
    "imagenet_r": {"images": 67},
    "imagenet_pool": {"images": 61},
    "coco": {"canvas": 128, "images": 8, "validation_images": 7},
}


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny miniature; tests must not write into it."""
    folder = tmp_path_factory.mktemp("miniature")
    build.run(TINY, Workspace(folder))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A web server on the loopback, which is asked without any proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as it:
        yield it


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifests, which say no size and no digest."""
    return published.write_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture
def nothing_is_stated(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These manifests take the place of the repository's."""
    monkeypatch.setattr(manifest, "REPOSITORY", manifests)


@pytest.fixture(scope="module", autouse=True)
def fork_server_of_its_own() -> Iterator[None]:
    """Let no module's jobs be forked from the server of another one.

    A command runs one plan and ends; the process of the tests runs many, and its server would keep the first one's copy
    of the code, in a folder that may be gone by now.
    """
    yield
    multiprocessing.forkserver._forkserver._stop()  # there is no public way; nothing happens where none was started


LONGEST_FIRST = ("test_slurm", "test_end_to_end")  # so that all cores are busy to the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return LONGEST_FIRST.index(item.path.stem) if item.path.stem in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)
