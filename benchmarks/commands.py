"""How long commands take from the shell, process start included.

``python -m benchmarks.commands`` prints the table. There is no reference here: the limits are what a user waits for
without noticing.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from tabulate import tabulate

from benchmarks.measuring import seconds, spread
from core.declarations import Table
from core.exit_status import exit_status_of
from execution.jobs import Job
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
from results.schema import (
    Arithmetic,
    Code,
    Convergence,
    Cost,
    DataIdentity,
    Environment,
    Hardware,
    Metric,
    Record,
    Start,
)
from results.seal import sealed

RECORDS = 10_000
CONVERGED = Convergence(fitted=100, not_converged=0)
ROUNDS = 7
REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Gives the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        write_reproduction(small / "mini", records=None)
        jobs = write_reproduction(large / "mini", records=RECORDS)
        measured = [
            ("run_all.py --help", 0.5, run_all("--help")),
            ("run_all.py --dry-run", 0.5, run_all("--dry-run", "--runs", str(small))),
            ("run_all.py status", 0.5, run_all("status", "--runs", str(small))),
            ("run_all.py, all done", 2, run_all("--runs", str(small))),
            (f"python -m results tables, {jobs} records", 1, python("-m", "results", "tables", str(large / "mini"))),
        ]
        rows = [_row(what, goal, run) for what, goal, run in measured]
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


def write_reproduction(runs: Path, records: int | None) -> int:
    """The miniature's plan, all of it done, with made-up figures; gives the number of records.

    Args:
        runs: the folder to write.
        records: at least so many, by more seeds; None for the profile's seeds.
    """
    profile = load_profile("mini")
    if records is not None:
        each = len(jobs_of(_with_seeds(profile, 2))) - len(jobs_of(_with_seeds(profile, 1)))
        profile = _with_seeds(profile, 1 + records // each)
    jobs = jobs_of(profile)
    write_plan(jobs, profile.model_dump(mode="json"), profile.tables, runs)
    figures = cycle((61.25, 60.5, 63.125, 62.0))
    for job in jobs:
        record = _record(job, profile.tables, next(figures))
        folder = job.folder(runs)
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(sealed(record.model_dump(mode="json", exclude={"digest"})))
    return len(jobs)


def _with_seeds(profile: Profile, count: int) -> Profile:
    return profile.model_copy(update={"seeds": tuple(range(count))})


def _record(job: Job, tables: Sequence[Table], value: float) -> Record:
    """As a stage's would be, with every figure that a table shows of it."""
    columns = (column for table in tables for column in table.columns)
    metrics = [column.metric for column in columns if column.evaluation == job.tags.get("evaluation")]
    packages = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow", "opencv-python-headless")
    return Record(
        schema_version=2,
        name=job.name,
        identity=job.identity,
        stage=job.stage.id,
        tags=dict(job.tags),
        seed=job.config.get("seed"),
        config=job.configuration,
        inputs={role: needed.identity for role, needed in job.needs.items()},
        metrics={name: Metric(value=value, unit="%", n=1000, convergence=CONVERGED) for name in metrics or ("steps",)},
        data={name: DataIdentity(images=1000, classes=10, names_sha256=job.identity) for name in ("train", "val")},
        provenance={},
        code=[Code(commit=40 * "0", differs=False)],
        arithmetic=Arithmetic(
            precision="float32",
            matmul_tf32=False,
            convolution_tf32=True,
            deterministic=False,
            instruction_set="AVX2",
        ),
        environment=Environment(
            python="3.11.0",
            packages=dict.fromkeys(packages, "2.13.0"),
            lock_sha256=job.identity,
            cuda="none",
            cudnn="none",
            nccl="none",
            driver="none",
            blas="openblas 0.3.31",
            blas_kernel="Haswell",
        ),
        hardware=Hardware(
            machine="x86_64", cpu="A processor", cores=2, gpu="none", gpu_memory=0, tasks=1, cpus_per_task=1
        ),
        cost=Cost(
            seconds=1.0,
            gpu_hours=0.0,
            peak_memory=10**9,
            peak_gpu_memory=0,
            starts=[
                Start(
                    began="2026-01-01T00:00:00+00:00",
                    seconds=1.0,
                    gpu_hours=0.0,
                    end="done",
                    scheduler_id="none",
                    code=0,
                )
            ],
        ),
    )


def run_all(*arguments: str) -> Callable[[], object]:
    """A call of the one command."""
    return python("run_all.py", *arguments)


def python(*arguments: str) -> Callable[[], object]:
    """A call of Python from the repository's root."""
    line = [sys.executable, *arguments]
    return lambda: subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)


def _row(what: str, goal: float, run: Callable[[], object]) -> dict[str, object]:
    """Several calls after a first one that is not counted."""
    run()
    times = [seconds(run) for _ in range(ROUNDS)]
    median = f"{statistics.median(times):.2f}"
    return {"command": what, "seconds": median, "lowest to highest": spread(times, 2), "goal (s)": goal}


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
