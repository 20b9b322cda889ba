"""Fixtures that the tests of released checkpoints share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from core.vision import resnet
from tests.support.released_files import FILES, Tensors


@pytest.fixture(scope="module")
def whole() -> Tensors:
    """torchvision's ResNet-50 with a classifier of 1000 classes; BatchNorm's statistics are not fresh."""
    torch.manual_seed(0)
    network = resnet.resnet50()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


@pytest.fixture
def leaves_nothing(tmp_path):
    """Files of this size are not to stay until pytest's next run but two."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def files(whole, tmp_path_factory) -> Iterator[Callable[[str], Path]]:
    """From the name of a release to a file with its true names and shapes; each is written once."""
    folder = tmp_path_factory.mktemp("releases")

    def path(name: str) -> Path:
        file = folder / f"{name}.pth"
        if not file.exists():
            torch.save(FILES[name][1](whole), file)
        return file

    yield path
    shutil.rmtree(folder)
