"""What a job runs on, for its record: software, arithmetic, machine."""

import importlib.metadata
import os
import platform
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cores import usable_cores
from core.files import sha256_of
from core.instructions import CPU_FILE, held_to
from execution.frozen import LOCK_FILE, REPOSITORY
from execution.resources import Resources
from results.schema import Arithmetic, Environment, Hardware

PACKAGES = (
    *("torch", "torchvision", "numpy", "scipy", "scikit-learn"),
    *("pillow", "opencv-python-headless", "simplejpeg"),
    *("mmengine", "mmcv", "mmcv-lite", "mmdet", "pycocotools", "faster-coco-eval"),
)
DRIVER_FILE = Path("/proc/driver/nvidia/version")
OF_MEMORY = 1 if sys.platform == "darwin" else 1024  # bytes in which the system tells the most memory held
NONE = "none"  # what is known not to be there


def environment(operators: str | None) -> Environment:
    """The software below the code; ``operators`` are those that the stage says it used."""
    import torch

    has_gpu = torch.cuda.is_available()
    cudnn = torch.backends.cudnn.version()
    nccl = ".".join(str(part) for part in torch.cuda.nccl.version()) if has_gpu else NONE
    return Environment(
        python=platform.python_version(),
        packages=_packages(),
        lock_sha256=sha256_of(REPOSITORY / LOCK_FILE) if (REPOSITORY / LOCK_FILE).exists() else None,
        cuda=torch.version.cuda or NONE,
        cudnn=NONE if cudnn is None else str(cudnn),
        nccl=nccl,
        driver=_found_in(DRIVER_FILE, r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s") or (None if has_gpu else NONE),
        operators=operators,
        **_blas(),
    )


def arithmetic(config: Mapping[str, Any], compiled: bool) -> Arithmetic:
    """How this process computes; of the precision, what the stage's configuration says.

    Args:
        config: the stage's.
        compiled: whether a network was.
    """
    import torch

    return Arithmetic(
        precision=config.get("arithmetic", {}).get("precision"),
        matmul_tf32=torch.backends.cuda.matmul.allow_tf32,
        convolution_tf32=torch.backends.cudnn.allow_tf32,
        deterministic=torch.are_deterministic_algorithms_enabled(),
        compiled=compiled,
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        held_to=held_to(),
    )


def hardware(resources: Resources) -> Hardware:
    """The machine, and how a job with these resources is spread."""
    import torch

    gpu = torch.cuda.get_device_properties(torch.cuda.current_device()) if torch.cuda.is_available() else None
    return Hardware(
        machine=platform.machine(),
        cpu=_found_in(CPU_FILE, r"^model name\s*: (.*)$"),
        cores=usable_cores(),
        gpu=NONE if gpu is None else gpu.name,
        gpu_memory=0 if gpu is None else gpu.total_memory,
        tasks=resources.tasks,
        cpus_per_task=resources.cpus,
    )


def peak_memory() -> int:
    """The most bytes that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * OF_MEMORY


def peak_gpu_memory() -> int:
    """The most bytes that this process has held at once on its GPU; 0 without one."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def cpu_time(of_outputs: float) -> dict[str, float]:
    """What this process has computed so far, and its children that have ended, as a record's cost names it.

    Args:
        of_outputs: seconds of it that were spent on outputs.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(it.ru_utime + it.ru_stime for it in used)
    return {"cpu_seconds": seconds, "output_cpu_seconds": of_outputs}


def scheduler_id() -> str:
    """SLURM's number of the job that this process belongs to, as its commands take it; ``none`` without one."""
    array, element = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{element}" if array and element else os.environ.get("SLURM_JOB_ID", NONE)


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a compiled mmcv serves instead of mmcv-lite, and detection's packages may be missing
    return found


def _blas() -> dict[str, str | None]:
    from threadpoolctl import threadpool_info

    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # Every package brings its own, and which of them are loaded depends on what else runs: numpy's always is.
    found = min(loaded, key=lambda library: ("numpy" not in library["filepath"], library["filepath"]), default=None)
    if found is None:
        return {"blas": None, "blas_kernel": None}
    return {
        "blas": f"{found['internal_api']} {found['version'] or 'of unknown version'}",
        "blas_kernel": found.get("architecture"),
    }


def _found_in(path: Path, pattern: str) -> str | None:
    """What a file of the system says; None where there is no such file, or it says nothing of the kind."""
    try:
        found = re.search(pattern, path.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None
