"""Runs a function, or a stage, in two processes that find each other as those of a job do."""

import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing import start_processes

from core.processes import free_port
from core.workspace import Workspace


def in_two_processes(function: Callable, *arguments: Any) -> list[Any]:
    """What a module's function returns on rank 0 and on rank 1; fails with what it raises on either."""
    with tempfile.TemporaryDirectory() as folder:
        start_processes(_call, (free_port(), Path(folder), function, arguments), nprocs=2, start_method="spawn")
        return [pickle.loads((Path(folder) / str(rank)).read_bytes()) for rank in range(2)]


def run_stage(stage: Callable, config: dict, folder: Path, inputs: dict[str, Path]) -> tuple[dict, dict]:
    """Metrics and provenance of a stage, called as a job's process calls it."""
    workspace = Workspace(folder, inputs, reports_progress=os.environ.get("RANK", "0") == "0")
    return stage(config, workspace), workspace.provenance


def _call(rank: int, port: int, folder: Path, function: Callable, arguments: tuple) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    (folder / str(rank)).write_bytes(pickle.dumps(function(*arguments)))
