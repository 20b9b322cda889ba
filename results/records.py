"""The record of a finished job: the figures, and all that produced them."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.files import write_text

RECORD_FILE = "record.json"
SCHEMA_VERSION = 1


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


class UnusableRecordError(Exception):
    """A record that is there, but is damaged, of another version or of another job; the message is one sentence."""


def read_record(folder: Path, identity: str) -> Record | None:
    """The record in a job's folder, or None where there is no valid one of this identity."""
    try:
        return parse_record((folder / RECORD_FILE).read_bytes(), str(folder / RECORD_FILE), identity)
    except (FileNotFoundError, UnusableRecordError):
        return None


def parse_record(content: bytes, place: str, identity: str) -> Record:
    """The record that a file holds; ``place`` is its path, for errors.

    Raises:
        UnusableRecordError: it is not this job's whole record, in the form of this version.
    """
    try:
        record = Record.model_validate_json(content)
    except ValidationError as error:
        raise UnusableRecordError(f"The record {place} {_damage(content, error)}.") from None
    if record.identity != identity:
        raise UnusableRecordError(
            f"The record {place} is of another job ({record.name}, {record.identity[:10]}): "
            "remove it, and run this one again."
        )
    return record


def _damage(content: bytes, error: ValidationError) -> str:
    try:
        found = json.loads(content)
    except ValueError:
        return "is damaged (not JSON): remove it, and run its job again"
    if not isinstance(found, dict):
        return "is damaged (not a JSON object): remove it, and run its job again"
    version = found.get("schema_version", "none")
    if version != SCHEMA_VERSION:
        return (
            f"has schema version {version}, this code reads {SCHEMA_VERSION}: run its job again, or read it with the "
            "version that wrote it"
        )
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"is damaged ({place}: {first['msg'].lower()}): remove it, and run its job again"
