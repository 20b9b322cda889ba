"""What is known of the files in a folder that were fetched: from where, when, how large, and what they were held to."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from core.config import Config, first_misfit
from core.errors import InputError
from core.files import write_json

RECORD_FILE = "fetched.json"


class Fetched(Config):
    """A file that was there once all of it had been read, and was right as far as that can be told.

    Attributes:
        source: the address or the path that it came from; empty where it was there already.
        date: of that, in UTC.
        bytes: its size.
        sha256: of its content.
        digest: who states the digest that it was held to, in words; ``unknown`` where nobody states one.
    """

    source: str
    date: str
    bytes: int = Field(ge=0)
    sha256: str
    digest: str


FILES = TypeAdapter(dict[str, Fetched])


def fetched_in(folder: Path) -> Mapping[str, Fetched]:
    """The files of a folder that are recorded there, by their names.

    Raises:
        InputError: the record is damaged.
    """
    path = folder / RECORD_FILE
    try:
        return FILES.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise InputError(
            f"{path} is damaged ({first_misfit(error)}): remove it, and the files beside it are checked anew."
        ) from None


def record(path: Path, fetched: Fetched) -> None:
    """Write down, beside a file, what is known of it; one thread at a time, in a folder that this process holds."""
    known = fetched_in(path.parent)
    if known.get(path.name) != fetched:
        write_json(path.parent / RECORD_FILE, FILES.dump_python({**known, path.name: fetched}, mode="json"))
