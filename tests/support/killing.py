"""Detections that are killed, and what happens to their states meanwhile."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import torch

from core.workspace import Workspace
from pretrain.tensor_files import load_tensors
from transfer.detection import stage as detection

TRAINING = "training"


def states(place: Workspace) -> list[Path]:
    """The newest first."""
    found = (place.folder / TRAINING).glob("iter_*.pth")
    return sorted(found, key=lambda path: int(path.stem.removeprefix("iter_")), reverse=True)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (cut, flip_a_byte, delete, empty)


def newest_number(place: Workspace) -> int:
    """How many iterations the newest state has, whole or not; 0 without any."""
    return max((int(path.stem.removeprefix("iter_")) for path in states(place)), default=0)


def killed(reached: int, seconds: float, config: dict[str, Any], place: Workspace) -> None:
    """Run the stage in a process of its own; kill that some seconds after it began to write the state of an iteration.

    The state may be older than the process.
    """
    process = multiprocessing.get_context("fork").Process(target=detection.run, args=(config, place))
    process.start()
    while process.is_alive() and newest_number(place) < reached:
        process.join(0.005)
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def assert_equal_ends(place: Workspace, undisturbed: Workspace) -> None:
    ours, theirs = (load_tensors(states(one)[0])["state_dict"] for one in (place, undisturbed))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = ((one.folder / "outputs/val.npz").read_bytes() for one in (place, undisturbed))
    assert ours == theirs
