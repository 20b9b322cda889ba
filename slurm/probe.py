"""What a short job looks at on a node, from inside, as the jobs of the plan will be there."""

import os
import platform
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import submitit

from core.errors import InputError
from core.files import exclusive_lock, is_held, write_json

OUTSIDE = ("arxiv.org", 443)  # where the paper is
SECONDS_TO_REACH = 3.0
SECONDS_OF_READING = 3.0
FILES_TO_READ = 500
BYTES_OF_A_FILE = 1 << 26  # an archive is longer


class Probe:
    """Answers questions in every process of a job, each process in a file of its own.

    Args:
        folder: where the answers go; the process that asks holds it meanwhile.
        packages: versions of what is installed where the jobs are submitted, by name.
        sources: files and folders that the jobs read, by the key in the profile.
    """

    def __init__(self, folder: Path, packages: Mapping[str, str], sources: Mapping[str, str]) -> None:
        self.folder = folder
        self.packages = packages
        self.sources = sources

    def __call__(self) -> None:
        """Write the answers; those about the other processes last, as they may never come."""
        place = submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        path = self.folder / f"rank{place.rank}.json"
        leads = place.local_rank == 0  # the others of its node would see the same
        answers = self._about_the_node() if leads else {}
        write_json(path, answers | {"group": None})
        write_json(path, answers | {"group": _meet(place.world_size)})

    def _about_the_node(self) -> dict[str, Any]:
        return {
            "node": os.environ.get("SLURMD_NODENAME", platform.node()),
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in self.packages},
            "locks": _locks(self.folder),
            "requeue": _requeue(),
            "internet": _reaches(*OUTSIDE),
            "gpus": _gpus(),
            "sources": {key: _read(Path(path)) for key, path in self.sources.items()},
        }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _locks(folder: Path) -> str:
    """What is wrong with the locks of a folder that the process which asks holds; empty where nothing is."""
    try:
        with exclusive_lock(folder / f"lock-{os.getpid()}"):
            pass
    except InputError as error:
        return error.sentence
    if not is_held(folder):
        return f"Locks of one machine in {folder} are not seen by another, so that two could write the same files."
    return ""


def _requeue() -> str:
    """Why the scheduler would not queue this job again; empty where it would."""
    command = ["scontrol", "show", "job", os.environ.get("SLURM_JOB_ID", "")]
    try:
        said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"scontrol cannot be asked there ({error})"
    found = re.search(r"\bRequeue=(\d)", said)
    return "" if found and found[1] == "1" else "the job has Requeue=0"


def _reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), SECONDS_TO_REACH).close()
    except OSError:
        return False
    return True


def _gpus() -> list[str]:
    import torch

    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _read(path: Path) -> dict[str, float] | str:
    """Files and bytes a second of one process that reads some files, or what keeps it from that."""
    files, read, start = 0, 0, time.monotonic()
    try:
        path.stat()
        for name in islice(_files(path), FILES_TO_READ):
            with open(name, "rb") as file:
                read += len(file.read(BYTES_OF_A_FILE))
            files += 1
            if time.monotonic() - start > SECONDS_OF_READING:
                break
    except OSError as error:
        return str(error.strerror)
    seconds = max(time.monotonic() - start, 1e-6)
    return {"files": files / seconds, "bytes": read / seconds}


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or those below a folder, as they come."""
    if path.is_file():
        return iter([path])
    return (Path(folder) / name for folder, _, names in os.walk(path) for name in names)


def _meet(processes: int) -> str:
    """What keeps the processes of the job from adding numbers together; empty where nothing does."""
    import torch

    from core.distributed import process_group, sum_over_ranks

    try:
        with process_group() as device:
            total = float(sum_over_ranks(torch.ones(1, device=device)))
    except Exception as error:  # whatever the libraries raise is the answer
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "" if total == processes else f"{processes} processes add up to {total:g}"
