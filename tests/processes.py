"""Runs a function, or a stage, in two processes that find each other as those of a job do."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as multiprocessing

from core.workspace import Workspace


def in_two_processes(function: Callable, *arguments: Any) -> list[Any]:
    """What a module's function returns on rank 0 and on rank 1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    results = multiprocessing.get_context("spawn").SimpleQueue()
    context = multiprocessing.start_processes(_call, (port, function, arguments, results), nprocs=2, join=False)
    collected = dict(results.get() for _ in range(2))
    context.join()
    return [collected[rank] for rank in range(2)]


def run_stage(stage: Callable, config: dict, folder: Path, inputs: dict[str, Path]) -> tuple[dict, dict]:
    """Metrics and provenance of a stage, called as a job's process calls it."""
    workspace = Workspace(folder, inputs, reports_progress=os.environ.get("RANK", "0") == "0")
    return stage(config, workspace), workspace.provenance


def _call(rank: int, port: int, function: Callable, arguments: tuple, results: Any) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    results.put((rank, function(*arguments)))
