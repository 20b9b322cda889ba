"""What runs inside a job's process: set up, call the stage, write the record."""

import contextlib
import importlib
import json
import os
import platform
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.arithmetic import use
from core.cores import usable_cores
from core.declarations import Stage
from core.errors import InputError, sentence_about
from core.files import DEFAULT_PATIENCE, exclusive_lock, remove_unfinished, sha256_of, write_json
from core.instructions import require
from core.interruption import Interrupted
from core.user_code import UserCodeError, error_in, load, load_function, read_copies, sentence_of
from core.workspace import MODEL_FILE, PARTS_FOLDER, PROGRESS_FILE, VERIFICATION_FOLDER, Workspace
from execution.environment import arithmetic, cpu_time, environment, hardware
from execution.frozen import Snapshot
from execution.jobs import Job
from execution.starts import Attempt, attempt, keep_last_activity
from execution.verified import with_full_digests
from results.plan import ERROR_FILE
from results.provenance import identities
from results.records import RECORD_FILE, write_record
from results.schema import SCHEMA_VERSION, Code, Record, first_fault

CONFIG_FILE = "config.json"
LOG_FILE = "log.txt"
EXIT_FAILED, EXIT_INPUT_ERROR, EXIT_INTERRUPTED, EXIT_UNWRITABLE = 1, 2, 3, 4
INTERRUPTED = "interrupted"  # the kind of report of a job that can go on and is not queued again


class UnrecordableError(Exception):
    """What a stage gave cannot go into a record; the message is one sentence."""


class Task:
    """One job, picklable, called in each of its processes.

    Args:
        job: what to compute.
        runs: the folder that job folders lie in.
        patience: seconds to wait for another process that is at work on the same job, such as one whose machine is
            lost to the scheduler but not dead.
        snapshot: the code that the process has to be started with; None for any, of which nothing is recorded then.
        names_host: whether the record names the machine.
    """

    def __init__(
        self,
        job: Job,
        runs: Path,
        patience: float = DEFAULT_PATIENCE,
        snapshot: Snapshot | None = None,
        names_host: bool = False,
    ) -> None:
        self.job = job
        self.runs = runs
        self.patience = patience
        self.snapshot = snapshot
        self.names_host = names_host

    @property
    def folder(self) -> Path:
        """The job's own folder."""
        return self.job.folder(self.runs)

    def __call__(self) -> int:
        """Run the stage; rank 0 writes the record.

        Returns:
            The exit status: 0, 1 (failed), 2 (unusable input, or a place that cannot be written), 3 (stopped on
            request, to go on when called again) or 4 (the job's folder cannot even take what the job has to report).
        """
        leads = int(os.environ.get("RANK", "0")) == 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _output_to(self.folder / (LOG_FILE if leads else f"log.rank{os.environ['RANK']}.txt")):
                print(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {self.job.name}", flush=True)
                return self._reporting(leads)
        except OSError:
            return EXIT_UNWRITABLE

    def _reporting(self, leads: bool) -> int:
        folder = self.folder
        try:
            with exclusive_lock(folder, self.patience) if leads else contextlib.nullcontext():
                if self.job.record(self.runs) is None:
                    self._run_stage(folder, leads)
                if leads:
                    shutil.rmtree(folder / PARTS_FOLDER, ignore_errors=True)
        except InputError as error:
            if isinstance(error, UserCodeError):
                traceback.print_exc()
            return report(folder, "input", error.sentence, EXIT_INPUT_ERROR)
        except UnrecordableError as error:
            return report(folder, "failure", str(error), EXIT_FAILED)
        except Interrupted:
            print("stopped on request; the state is written")
            return EXIT_INTERRUPTED
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and (sentence := sentence_about(error)):
                return report(folder, "input", sentence, EXIT_INPUT_ERROR)
            traceback.print_exc()
            if sentence := sentence_of(error):
                return report(folder, "input", sentence, EXIT_INPUT_ERROR)
            return report(folder, "failure", f"{type(error).__name__}: {error}", EXIT_FAILED)
        return 0

    def _run_stage(self, folder: Path, leads: bool) -> None:
        job = self.job
        if self.snapshot is not None:
            self.snapshot.require()
            read_copies(self.snapshot.copies)
        require(job.instructions)
        use(job.arithmetic)
        for needed in job.needs.values():
            record = needed.record(self.runs)
            if record is None:
                raise InputError(f"{job.name} needs {needed.name}, which has no record: give the same command again.")
            _require_own_model(needed.folder(self.runs), record)
        if leads:
            remove_unfinished(folder)
        stage = _function_of(job.stage)
        inputs = {role: needed.folder(self.runs) for role, needed in job.needs.items()}
        compiles, cpus = job.arithmetic.compile, min(job.resources.cpus, usable_cores())
        code = Code() if self.snapshot is None else self.snapshot.code
        workspace = Workspace(
            folder,
            inputs,
            reports_progress=leads,
            compiles=compiles,
            cpus=cpus,
            identity=f"{job.identity} {code.snapshot_sha256}",
        )
        if not leads:
            with _threads(job.resources.cpus):
                stage(job.configuration, workspace)
            return
        with attempt(folder, job.resources, code, platform.node() if self.names_host else None) as start:
            write_json(folder / CONFIG_FILE, job.configuration)
            with _threads(job.resources.cpus):
                metrics = stage(job.configuration, workspace)
            _require_figures(job, stage, metrics)
            start.end("done")
            said = with_full_digests(workspace.provenance, self.runs)
            said |= _own_file(job.stage) | _verification(self.runs)
            write_record(_record(job, metrics, said, workspace, start), folder)


def _function_of(stage: Stage) -> Callable[[Mapping[str, Any], Workspace], Mapping[str, Any]]:
    """What a stage's jobs call.

    Raises:
        InputError: it is in a user's file, which is no longer the one that was planned with.
    """
    if stage.sha256 is None:
        module, function = stage.code.split(":")
        return getattr(importlib.import_module(module), function)
    found = load(stage.code)
    if found.sha256 != stage.sha256:
        raise InputError(f"The file {found.path} has changed since its jobs were planned: give the same command again.")
    return load_function(stage.code, {}, "workspace")


def _require_own_model(folder: Path, record: Record) -> None:
    """Refuse a model that is not the one that its job wrote; whether there is one is for the stage to say."""
    written, path = record.provenance.get("model_sha256"), folder / MODEL_FILE
    if written is not None and path.exists() and sha256_of(path) != written:
        raise InputError(
            f"The model {path} is not the one that {record.name} wrote: restore it from a backup, or remove "
            f"{folder / RECORD_FILE}, and the same command as before writes it anew."
        )


def _record(
    job: Job, metrics: Mapping[str, Any], said: Mapping[str, Any], workspace: Workspace, start: Attempt
) -> Record:
    """The record of a finished job; ``said`` is what the stage says about its inputs.

    Raises:
        UnrecordableError: a figure, or something that the stage says, cannot be right.
        UserCodeError: the same, of a stage in a user's file.
    """
    seed = job.tags.get("seed")
    try:
        data, provenance = identities(said)
        operators = provenance.pop("operators", None)
        return Record.model_validate(
            {
                "schema_version": SCHEMA_VERSION,
                "name": job.name,
                "identity": job.identity,
                "stage": job.stage.id,
                "tags": dict(job.tags),
                "seed": None if seed is None else int(seed),
                "config": job.configuration,
                "inputs": {role: needed.identity for role, needed in job.needs.items()},
                "metrics": metrics,
                "data": data,
                "provenance": provenance,
                "code": start.code,
                "arithmetic": arithmetic(job.configuration, workspace.has_compiled),
                "environment": environment(operators),
                "hardware": hardware(job.resources),
                "outputs": {name: asdict(kept) for name, kept in workspace.outputs.items()} or None,
                "cost": start.cost.model_copy(update=cpu_time(workspace.output_seconds)),
            }
        )
    except ValidationError as error:
        fault = first_fault(error)
        if job.stage.sha256:
            raise error_in(job.stage.code, f"what it gives cannot be recorded: {fault}") from error
        raise UnrecordableError(
            f"The stage {job.stage.id} gave what cannot be right ({fault}), and the job has no record: "
            "look at its checkpoint and data, and if they are well, report a defect of the stage."
        ) from None


def _require_figures(job: Job, stage: Callable[..., Any], metrics: Mapping[str, Any]) -> None:
    """Refuse what lacks a figure that a table shows.

    Raises:
        UserCodeError: it does, and the stage is in a user's file.
        UnrecordableError: it does, and the stage ships.
    """
    if not isinstance(metrics, Mapping):
        return  # which a record says better
    lacking = [name for name in job.metrics if name not in metrics]
    if lacking:
        given = ", ".join(map(str, metrics)) or "nothing"
        found = f"it gives {given}, but a table has a column of the metric {lacking[0]}"
        if job.stage.sha256:
            raise error_in(stage, f"{found}: give that, or say is_optional=True of the column")
        raise UnrecordableError(f"The stage {job.stage.id} is at fault: {found}: report a defect of the stage.")


def _own_file(stage: Stage) -> dict[str, Any]:
    """Place and digest of the user's file that was run, if one was."""
    return {"stage": {"path": stage.code.rpartition(":")[0], "sha256": stage.sha256}} if stage.sha256 else {}


def _verification(runs: Path) -> dict[str, Any]:
    """The digests of what ``verify`` wrote about the data sets, where it was run."""
    folder = runs / VERIFICATION_FOLDER
    reports = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.json"))}
    digests = {name: sha256_of(path) for name, path in reports.items()}
    return {"verification": digests} if digests else {}


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
    with open(path, "a", buffering=1, encoding="utf-8", errors="backslashreplace") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield


def read_error(folder: Path) -> dict[str, str]:
    """What the job reported when it ended without a record; else nothing.

    Returns:
        ``kind`` (``input``, ``failure``, or ``interrupted`` of one that can go on), and ``sentence``.
    """
    try:
        return json.loads((folder / ERROR_FILE).read_text())
    except FileNotFoundError:
        return {}


def forget_last_attempt(folder: Path) -> None:
    """Before a job is started anew: what it reported when it ran before."""
    keep_last_activity(folder)
    for name in (PROGRESS_FILE, ERROR_FILE):
        (folder / name).unlink(missing_ok=True)


def report(folder: Path, kind: str, sentence: str, status: int) -> int:
    """Note why a job ends without a record; gives back the exit status."""
    print(sentence, flush=True)
    if not (folder / ERROR_FILE).exists():  # the first rank that fails is the cause, the others follow from it
        write_json(folder / ERROR_FILE, {"kind": kind, "sentence": sentence})
    return status
