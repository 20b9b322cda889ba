"""What a record holds, version 2. ``docs/records.md`` has it as tables.

In all of it, None means: not recorded. What is known not to be there is called so (``none``, 0, an empty collection).
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, ValidationInfo, field_validator

from results.seal import plain

SCHEMA_VERSION: Final = 2
ROUNDING = 1e-9  # by which a percentage may leave [0, 100]

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[FiniteFloat, Field(ge=0)]
End = Literal["done", "failed", "preempted", "time limit", "killed"]


class Part(BaseModel):
    """A part of a record; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Convergence(Part):
    """How many of the classifiers behind a figure were fitted to the end.

    Attributes:
        fitted: all of them; one over several classes counts once.
        not_converged: those that stopped at their limit of iterations.
    """

    fitted: Count
    not_converged: Count


class Metric(Part):
    """One figure.

    Attributes:
        value: the figure, finite; fractions are given in percent, between 0 and 100.
        unit: what it counts, ``%`` for percentages.
        n: how many samples (images, draws) it rests on, at least 1.
        spread: sample standard deviation over the ``n`` samples, in its unit, where the figure is a mean of several.
        interval: low and high end of the 95% confidence interval over images, of this very checkpoint: how far another
            draw of as many images could lead; None where there is none.
        convergence: of the classifiers that were fitted for it; None where none were, or where nobody counted.
    """

    value: FiniteFloat
    unit: str
    n: int = Field(gt=0)
    spread: Amount | None = None
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    convergence: Convergence | None = None


class DataIdentity(Part):
    """Which images a split has.

    Attributes:
        images: how many.
        classes: how many labels there are.
        present_classes: how many of them have an image, where that was counted.
        names_sha256: over every path and label, in order; of COCO, over the annotation file.
        sampled: how many of them the sample has: one drawn from each 256th part, or all of no more than 256.
        sample_sha256: over the bytes of the sampled images.
        sides_sha256: over width and height of the sampled images.
        short_side: in pixels, the median over the sampled images (of two, the lower one).
        long_side: the same of the long side.
        sizes: what the copy is by its sample: ``resized to 256`` where half of the short sides have this length and
            no more than 1% exceed it, ``resized to 256 x 256`` where the long sides do too, ``long side at most 500``
            where they alone do, otherwise ``original``.
        full_sha256: over the bytes of all images, where ``run_all.py verify`` had read them all before the job ended.
    """

    images: Count
    classes: Count | None = None
    present_classes: Count | None = None
    names_sha256: str | None = None
    sampled: Count | None = None
    sample_sha256: str | None = None
    sides_sha256: str | None = None
    short_side: Count | None = None
    long_side: Count | None = None
    sizes: str | None = None
    full_sha256: str | None = None


class Code(Part):
    """The code that ran.

    Attributes:
        commit: that was checked out; None outside a git checkout.
        differs: whether the files that ran differed from the commit.
        snapshot_sha256: over these files, of which a copy lies in the profile's folder, ``code/<snapshot_sha256>/``.
        difference: the file that holds the difference from the commit, relative to the profile's folder.
    """

    commit: str | None = None
    differs: bool | None = None
    snapshot_sha256: str | None = None
    difference: str | None = None


class Arithmetic(Part):
    """How the numbers were computed.

    Attributes:
        precision: of the network's activations, such as ``float32`` or ``bfloat16``, where the configuration says so.
        matmul_tf32: whether matrix products may be rounded to TF32 on a GPU.
        convolution_tf32: whether convolutions may.
        deterministic: whether only deterministic algorithms were allowed.
        compiled: whether a network was compiled.
        instruction_set: the CPU's that PyTorch used, or was held to, such as ``AVX2``.
        held_to: what the environment held the numerical libraries to: ``avx2``, or some of its variables, or ``none``.
    """

    precision: str | None = None
    matmul_tf32: bool | None = None
    convolution_tf32: bool | None = None
    deterministic: bool | None = None
    compiled: bool | None = None
    instruction_set: str | None = None
    held_to: str | None = None


class Environment(Part):
    """The software below the code.

    Attributes:
        python: its version.
        packages: versions by name, of those that figures depend on and that were installed.
        lock_sha256: of ``requirements.lock``.
        cuda: the version that PyTorch was built for, or ``none``.
        cudnn: its version, or ``none``.
        nccl: its version, or ``none``.
        driver: version of NVIDIA's, or ``none``.
        blas: the library behind NumPy, with its version.
        blas_kernel: the processor that the library chose its kernels for.
        operators: whose operators detection used, ``mmcv``, ``torchvision`` or ``torch``.
    """

    python: str | None = None
    packages: dict[str, str] = {}
    lock_sha256: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    nccl: str | None = None
    driver: str | None = None
    blas: str | None = None
    blas_kernel: str | None = None
    operators: str | None = None


class Hardware(Part):
    """The machine of the first process, and how the job was spread.

    Attributes:
        machine: its architecture, such as ``x86_64``.
        cpu: the model's name.
        cores: logical ones.
        gpu: the model's name, or ``none``.
        gpu_memory: bytes of one GPU; 0 without one.
        tasks: processes of the job.
        cpus_per_task: threads of each process.
    """

    machine: str | None = None
    cpu: str | None = None
    cores: Count | None = None
    gpu: str | None = None
    gpu_memory: Count | None = None
    tasks: Count | None = None
    cpus_per_task: Count | None = None


class Start(Part):
    """One start of the job.

    Attributes:
        began: ISO 8601, UTC.
        seconds: wall time in seconds; of a start that was killed, up to the last file that it left.
        gpu_hours: wall time in hours times GPUs.
        end: ``done``, ``failed``, ``preempted``, ``time limit`` (both: stopped on request, to go on later) or
            ``killed`` (ended without a word).
        scheduler_id: SLURM's number of the job, or ``none``.
        code: which of the record's codes ran, from 0.
        host: name of the first process's machine, where the site asks for it (``slurm.host_names``).
    """

    began: str
    seconds: Amount | None = None
    gpu_hours: Amount | None = None
    end: End | None = None
    scheduler_id: str | None = None
    code: Count | None = None
    host: str | None = None


class Cost(Part):
    """What the job took; with the digest, all of a record that differs between two equal runs on one machine.

    Attributes:
        seconds: wall time in seconds, of all starts together.
        gpu_hours: wall time in hours times GPUs, of all starts together.
        peak_memory: bytes, the most that the first process of the last start held at once.
        peak_gpu_memory: bytes, the same on its GPU; 0 without one.
        cpu_seconds: CPU time of the first process of the last start, and of its loading processes that have ended.
        output_cpu_seconds: the part of it that writing outputs and computing intervals from them took.
        starts: in order; None where the last one alone was recorded.
    """

    seconds: Amount
    gpu_hours: Amount
    peak_memory: Count | None = None
    peak_gpu_memory: Count | None = None
    cpu_seconds: Amount | None = None
    output_cpu_seconds: Amount | None = None
    starts: list[Start] | None = None


class Output(Part):
    """A file in the job's folder that holds what was computed for every image.

    Attributes:
        file: its name, relative to the job's folder.
        bytes: its size.
        sha256: over its content.
        measure: by which figures are computed from it, one of ``metrics/measures.py``; None where no figure is.
    """

    file: str = Field(pattern=r"^outputs/[a-z0-9][a-z0-9-]*\.npz$")
    bytes: Count
    sha256: str
    measure: str | None = None


class Record(Part):
    """The content of ``record.json``; its presence means that the job is done.

    Attributes:
        schema_version: 2, or 1 where an older record was converted on reading.
        name: of the job, such as ``pretrain/mopro/webvision-v1/seed0``.
        identity: hash of stage (its id), configuration and the identities of what the job needs.
        stage: id of what ran.
        tags: method, set, seed and evaluation, as they were planned; tables take them from the plan.
        seed: the tag as a number, where there is one.
        config: the stage's whole configuration.
        inputs: identities of the jobs whose folders were read, by role.
        metrics: the figures by name, at least one.
        data: which images were read, by split.
        provenance: what else the stage says about its inputs and outputs (digests, notes).
        code: what ran, in order; more than one where the job went on under another code.
        arithmetic: how the numbers were computed.
        environment: the software below the code.
        hardware: the machine.
        outputs: what was computed for every image, by name; None where nothing of it was kept.
        cost: of all starts.
        digest: SHA-256 over all of the above, as ``results/seal.py`` computes it; None of version 1.
    """

    schema_version: Literal[1, 2]
    name: str
    identity: str
    stage: str
    tags: dict[str, str]
    seed: int | None
    config: dict[str, Any]
    inputs: dict[str, str]
    metrics: dict[str, Metric] = Field(min_length=1)
    data: dict[str, DataIdentity]
    provenance: dict[str, Any]
    code: list[Code] = Field(min_length=1)
    arithmetic: Arithmetic
    environment: Environment
    hardware: Hardware
    outputs: dict[str, Output] | None = None
    cost: Cost
    digest: str | None = None

    @field_validator("metrics")
    @classmethod
    def _percentages_are_some(cls, metrics: dict[str, Metric]) -> dict[str, Metric]:
        for name, metric in metrics.items():
            if metric.unit == "%" and not -ROUNDING <= metric.value <= 100 + ROUNDING:
                raise ValueError(
                    f"{in_a_sentence(name)} is {metric.value:g} %, and a percentage lies between 0 and 100"
                )
        return metrics

    @field_validator("config", "provenance")
    @classmethod
    def _holds_plain_values(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        return values if info.mode == "json" else plain(values)


def first_fault(error: ValidationError) -> str:
    """What is wrong, and where, of the first thing that is: ``cost.seconds: input should be a number, found ''``."""
    first = error.errors(include_url=False)[0]
    place = ".".join(in_a_sentence(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    found = (
        ""
        if first["type"] in ("value_error", "json_invalid", "missing")
        else f", found {in_a_sentence(repr(first['input']))}"
    )
    return f"{place}: {said[:1].lower()}{said[1:]}{found}" if place else said


def in_a_sentence(value: object) -> str:
    """The value as a sentence can hold it: printable, and not long."""
    text = str(value)
    return (text if text.isprintable() else ascii(text)[1:-1])[:60]
