"""What runs inside a job's process: set up, call the stage, write the record."""

import contextlib
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files import held_alone, sha256_of, write_json
from core.instructions import require, variables_of
from core.interruption import Interrupted
from core.workspace import PROGRESS_FILE, VERIFICATION_FOLDER, Workspace
from results.plan import ERROR_FILE
from results.records import Cost, Record
from slurm.jobs import Job

CONFIG_FILE = "config.json"
LOG_FILE = "log.txt"
REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scikit-learn")
EXIT_FAILED, EXIT_INPUT_ERROR, EXIT_INTERRUPTED = 1, 2, 3


class Task:
    """One job, picklable, called in each of its processes.

    Args:
        job: what to compute.
        runs: the folder that job folders lie in.
        patience: seconds to wait for another process that is at work on the same job, such as one whose machine is
            lost to the scheduler but not dead.
    """

    def __init__(self, job: Job, runs: Path, patience: float = 0) -> None:
        self.job = job
        self.runs = runs
        self.patience = patience

    @property
    def folder(self) -> Path:
        """The job's own folder."""
        return self.job.folder(self.runs)

    def __call__(self) -> int:
        """Run the stage; rank 0 writes the record.

        Returns:
            The exit status: 0, 1 (failed), 2 (unusable input) or 3 (stopped on request, to go on when called again).
        """
        leads = int(os.environ.get("RANK", "0")) == 0
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        with _output_to(folder / (LOG_FILE if leads else f"log.rank{os.environ['RANK']}.txt")):
            print(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {self.job.name}", flush=True)
            try:
                with held_alone(folder, self.patience) if leads else contextlib.nullcontext():
                    if self.job.record(self.runs) is None:
                        self._run_stage(folder, leads)
            except InputError as error:
                return _report(folder, "input", error.sentence, EXIT_INPUT_ERROR)
            except Interrupted:
                print("stopped on request; the state is written")
                return EXIT_INTERRUPTED
            except Exception as error:
                traceback.print_exc()
                return _report(folder, "failure", f"{type(error).__name__}: {error}", EXIT_FAILED)
        return 0

    def _run_stage(self, folder: Path, leads: bool) -> None:
        job = self.job
        require(job.instructions)
        for needed in job.needs.values():
            if needed.record(self.runs) is None:
                raise InputError(f"{job.name} needs {needed.name}, which has no record: give the same command again.")
        if leads:
            write_json(folder / CONFIG_FILE, job.configuration)
        module, function = job.stage.split(":")
        stage = getattr(importlib.import_module(module), function)
        inputs = {role: needed.folder(self.runs) for role, needed in job.needs.items()}
        workspace = Workspace(folder, inputs, reports_progress=leads)
        started, clock = datetime.now(UTC), time.monotonic()
        with _threads(job.resources.cpus):
            metrics = stage(job.configuration, workspace)
        if leads:
            seconds = time.monotonic() - clock
            seed = job.tags.get("seed")
            Record(
                schema_version=1,
                name=job.name,
                identity=job.identity,
                stage=job.stage,
                tags=dict(job.tags),
                seed=None if seed is None else int(seed),
                config=job.configuration,
                inputs={role: needed.identity for role, needed in job.needs.items()},
                metrics=metrics,
                provenance=workspace.provenance | _verification(self.runs),
                code=code_version(),
                packages={name: importlib.metadata.version(name) for name in PACKAGES},
                hardware=_hardware(job),
                cost=Cost(
                    started=started.isoformat(), seconds=seconds, gpu_hours=job.resources.all_gpus * seconds / 3600
                ),
            ).write(folder)


def _verification(runs: Path) -> dict[str, Any]:
    """The digests of what ``verify`` wrote about the data sets, where it was run."""
    digests = {path.stem: sha256_of(path) for path in sorted((runs / VERIFICATION_FOLDER).glob("*.json"))}
    return {"verification": digests} if digests else {}


def code_version() -> dict[str, Any]:
    """The commit of the running code, and whether tracked files differ from it; None outside a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _hardware(job: Job) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "held_to": dict(variables_of(job.instructions)),
        "gpu": gpu,
        "tasks": job.resources.tasks,
        "cpus_per_task": job.resources.cpus,
    }


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let the numerical libraries use ``count`` threads: with another count, sums round otherwise."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    with threadpool_limits(count):
        yield


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send all output of this process, also that of compiled code, to the end of a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "a", buffering=1) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield


def read_error(folder: Path) -> dict[str, str]:
    """What the job reported when it failed: ``kind`` (``input`` or ``failure``) and ``sentence``; else nothing."""
    try:
        return json.loads((folder / ERROR_FILE).read_text())
    except FileNotFoundError:
        return {}


def forget_last_attempt(folder: Path) -> None:
    """Before a job is started anew: what it reported when it ran before."""
    for name in (PROGRESS_FILE, ERROR_FILE):
        (folder / name).unlink(missing_ok=True)


def _report(folder: Path, kind: str, sentence: str, status: int) -> int:
    print(sentence, flush=True)
    if not (folder / ERROR_FILE).exists():  # the first rank that fails is the cause, the others follow from it
        write_json(folder / ERROR_FILE, {"kind": kind, "sentence": sentence})
    return status
