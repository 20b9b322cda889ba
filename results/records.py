"""The record of a finished job: the figures, and all that produced them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.files import write_text

RECORD_FILE = "record.json"


class Metric(BaseModel):
    """One figure.

    Attributes:
        value: the figure; fractions are given in percent.
        unit: what it counts, ``%`` for percentages.
        n: how many samples (images, draws) it rests on.
        spread: sample standard deviation over the ``n`` samples, where the figure is a mean of repeated measurements.
    """

    model_config = ConfigDict(extra="forbid")

    value: float
    unit: str
    n: int
    spread: float | None = None


class Cost(BaseModel):
    """What the job took; the only part of a record that differs between two equal runs.

    Attributes:
        started: of the last start, ISO 8601 in UTC.
        seconds: wall time of the last start.
        gpu_hours: wall time times GPUs, of the last start.
    """

    started: str
    seconds: float
    gpu_hours: float


class Record(BaseModel):
    """The content of ``record.json``; its presence means that the job is done."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1]
    name: str
    identity: str
    stage: str
    tags: dict[str, str]
    seed: int | None
    config: dict[str, Any]
    inputs: dict[str, str]
    metrics: dict[str, Metric]
    provenance: dict[str, Any]
    code: dict[str, Any]
    packages: dict[str, str]
    hardware: dict[str, Any]
    cost: Cost

    def write(self, folder: Path) -> None:
        """Write the record, atomically, into the job's folder."""
        write_text(folder / RECORD_FILE, self.model_dump_json(indent=2) + "\n")


def read_record(folder: Path, identity: str) -> Record | None:
    """The record in a job's folder, or None where there is no valid one of this identity."""
    try:
        record = Record.model_validate_json((folder / RECORD_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return record if record.identity == identity else None
