"""Made-up inputs of any size: lists and shards of images, profiles of many jobs, reproductions with their records."""

import hashlib
import tarfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from core.config import values
from core.declarations import Table
from core.seeds import generator
from data.sets.webvision.reader import TRAIN_LISTS
from execution.jobs import Job
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
from results.records import RECORD_FILE
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

CLASSES = 5000  # of WebVision V2.0
LINES_AT_ONCE = 1 << 18
MEMBERS_OF_A_SHARD = 50_000
FIGURES = (61.25, 60.5, 63.125, 62.0, 59.75)
CONVERGED = Convergence(fitted=100, not_converged=0)


def write_lists(root: Path, lines: int) -> None:
    """Lists of training images with WebVision V2.0's form of paths and number of classes; a third is Google's."""
    (root / "info").mkdir(parents=True)
    rng = generator(0, "lists")
    for name, count in zip(TRAIN_LISTS, (lines // 3, lines - lines // 3), strict=True):
        source = name.split("_")[-1].removesuffix(".txt")
        with open(root / name, "wb") as file:
            for first in range(0, count, LINES_AT_ONCE):
                labels = rng.integers(CLASSES, size=min(LINES_AT_ONCE, count - first)).tolist()
                numbers = rng.integers(1 << 62, size=len(labels)).tolist()
                file.writelines(
                    b"%s/q%05d/%016x.jpg %d\n" % (source.encode(), label, number, label)
                    for label, number in zip(labels, numbers, strict=True)
                )


def write_shards(root: Path, members: int) -> None:
    """Tar files of images of one byte, in the order in which a crawl would have packed them: by chance."""
    (root / "shards").mkdir(parents=True)
    numbers = generator(0, "shards").permutation(members).tolist()
    for first in range(0, members, MEMBERS_OF_A_SHARD):
        with open(root / f"shards/{first:09d}.tar", "wb") as file:
            for number in numbers[first : first + MEMBERS_OF_A_SHARD]:
                member = tarfile.TarInfo(f"google/q{number % CLASSES:05d}/{number:016x}.jpg")
                member.size = 1
                file.write(member.tobuf(tarfile.USTAR_FORMAT) + bytes(tarfile.BLOCKSIZE))
            file.write(bytes(2 * tarfile.BLOCKSIZE))


def many_seeds(extended: str, count: int) -> dict[str, Any]:
    """The values of a profile that differs from a shipped one in having so many seeds."""
    return {"extends": extended, "seeds": list(range(count))}


def many_methods(extended: str, count: int) -> dict[str, Any]:
    """The values of a profile that differs from a shipped one in its methods: so many, all of them MoPro."""
    shipped = load_profile(extended)
    mopro = values(shipped.methods["mopro"])
    methods: dict[str, Any] = {name: None for name in shipped.methods if name != "mopro"}
    methods |= {f"mopro-{number}": {**mopro, "title": f"MoPro {number}"} for number in range(1, count)}
    return {"extends": extended, "methods": methods}


def write_reproduction(profile: Profile, runs: Path) -> int:
    """A profile's plan, all of it done, with made-up figures; gives the number of records."""
    jobs = jobs_of(profile)
    write_plan(jobs, profile.model_dump(mode="json"), profile.tables, runs)
    for job, figure in zip(jobs, cycle(FIGURES), strict=False):
        record = _record(job, profile, figure)
        folder = job.folder(runs)
        folder.mkdir(parents=True)
        (folder / RECORD_FILE).write_text(sealed(record.model_dump(mode="json", exclude={"digest"})))
    return len(jobs)


def _record(job: Job, profile: Profile, value: float) -> Record:
    """As a stage's would be, with every figure that a table shows of it."""
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
        metrics={
            name: Metric(value=value, unit="%", n=1000, convergence=CONVERGED)
            for name in _shown(job, profile.tables) or ["steps"]
        },
        data={split: _images(job, profile, split) for split in ("train", "val")},
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
            lock_sha256=64 * "0",
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


def _shown(job: Job, tables: Sequence[Table]) -> list[str]:
    """The figures that tables show of a job."""
    columns = (column for table in tables for column in table.columns)
    return [column.metric for column in columns if column.evaluation == job.tags.get("evaluation")]


def _images(job: Job, profile: Profile, split: str) -> DataIdentity:
    """What a job has read: every method the same, and every seed of a miniature images of its own."""
    world = job.tags["seed"] if profile.miniature else "all"
    digest = hashlib.sha256(f"{job.kind} {split} {world}".encode()).hexdigest()
    return DataIdentity(images=1000, classes=10, names_sha256=digest)
