"""The record of a finished job on disk: written once, sealed; read only as it was written.

There are three answers to "is it done?": a usable record, none, or one that cannot be used (damaged, edited, of another
job or of another version). The last is neither done nor to be done again, until the user says which: hours of a GPU may
lie behind it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.errors import InputError
from core.files import read_whole, write_text
from results.schema import SCHEMA_VERSION, Record, first_fault, in_a_sentence
from results.seal import KEY, fits, is_as_written, opened, sealed
from results.version1 import Version1

RECORD_FILE = "record.json"
NOT_FINITE = re.compile(b"NaN|Infinity")
WAYS_OUT = (
    "restore it from a backup, or remove it and give the command of run_all.py again, which runs the job anew, from "
    "its last training state where it left one"
)


class UnusableRecordError(InputError):
    """A record that is there, but is damaged, edited, of another version or of another job."""


@dataclass(frozen=True)
class Found:
    """What a job's folder holds: a usable record, or why the one that is there is not usable, or neither."""

    record: Record | None = None
    problem: str | None = None


def write_record(record: Record, folder: Path) -> None:
    """Write the record, sealed and atomically, into the job's folder."""
    write_text(folder / RECORD_FILE, sealed(record.model_dump(mode="json", exclude={KEY})))


def find_record(folder: Path, identity: str) -> Found:
    """What a job's folder holds; ``identity`` is the job's."""
    try:
        return Found(read_record(folder, identity))
    except UnusableRecordError as error:
        return Found(problem=error.sentence)


def read_record(folder: Path, identity: str) -> Record | None:
    """The record in a job's folder, or None where there is none.

    Raises:
        UnusableRecordError: there is one, but it is not this job's whole record as it was written.
    """
    place = f"{folder}/{RECORD_FILE}"
    content = read_content(place)
    return None if content is None else parse_record(content, place, identity)


def read_content(place: str) -> bytes | None:
    """The bytes of a record's file, or None where there is no such file.

    Raises:
        UnusableRecordError: there is one, but it cannot be read.
    """
    try:
        return read_whole(place)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableRecordError(
            f"The record {place} cannot be read ({error.strerror}): make it a readable file, or {WAYS_OUT}."
        ) from None


def parse_record(content: bytes, place: str, identity: str) -> Record:
    """The record that a file holds; ``place`` is its path, for errors.

    Raises:
        UnusableRecordError: it is not this job's whole record as it was written.
    """
    try:
        record = _as_written(content) or _by_content(content)
    except ValidationError as error:
        raise UnusableRecordError(f"The record {place} is damaged ({first_fault(error)}): {WAYS_OUT}.") from None
    except ValueError as error:
        raise UnusableRecordError(f"The record {place} {error}: {WAYS_OUT}.") from None
    if record.identity != identity:
        other = f"{in_a_sentence(record.name)}, {in_a_sentence(record.identity[:10])}"
        raise UnusableRecordError(f"The record {place} is of another job ({other}): {WAYS_OUT}.")
    return record


def _as_written(file: bytes) -> Record | None:
    """The record in a file that is as it was written; None where a closer look has to say what it is."""
    if not is_as_written(file) or NOT_FINITE.search(file):
        return None
    try:
        return Record.model_validate_json(file)
    except ValidationError:
        return None


def _by_content(file: bytes) -> Record:
    """The record in a file that is not as it was written, or of version 1, if it still says the same.

    Raises:
        ValueError: it does not; the message continues "The record ...".
    """
    try:
        content = opened(file)
        version = content.get("schema_version", "none")
        if version == 1 and KEY not in content:
            return Version1.model_validate(content).converted()
        is_sealed = fits(content)
    except ValidationError:
        raise
    except ValueError as error:
        raise ValueError(f"is damaged ({error})") from None
    if is_sealed and version == SCHEMA_VERSION:
        return Record.model_validate_json(sealed({name: it for name, it in content.items() if name != KEY}))
    if is_sealed or (KEY not in content and version != SCHEMA_VERSION):
        raise ValueError(
            f"has schema version {in_a_sentence(version)}, and this code reads 1 and {SCHEMA_VERSION}: read it with "
            "the version of the code that wrote it"
        )
    raise ValueError("was edited after it was written (its digest does not fit its content)")
