"""A file that is not whole yet, with a note beside it of where what is there came from."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from core.config import Config
from core.files import UNFINISHED, write_text

NOTE = f"{UNFINISHED}.json"
ASIDE = f"{UNFINISHED}.whole"


class Origin(Config):
    """Where the bytes of a part came from.

    Attributes:
        address: that began it.
        validator: of HTTP, by which a server knows whether its file is still the same: a strong ETag or a date; None
            where it gave none.
    """

    address: str
    validator: Annotated[str, Field(pattern=r"^[ -~]+$")] | None = None


class Part:
    """What is there of a file so far.

    Args:
        whole: the path of the file.

    Attributes:
        path: of what is there, to which more is appended.
        aside: of a copy, or of a link to somebody's file, to which nothing must be.
    """

    def __init__(self, whole: Path) -> None:
        self.path = whole.with_name(whole.name + UNFINISHED)
        self.aside = whole.with_name(whole.name + ASIDE)
        self._note = whole.with_name(whole.name + NOTE)

    @property
    def size(self) -> int:
        """In bytes; 0 where there is nothing."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> Origin | None:
        """Where it came from; None where that is not known."""
        try:
            return Origin.model_validate_json(self._note.read_bytes())
        except (OSError, ValidationError):
            return None

    @origin.setter
    def origin(self, origin: Origin) -> None:
        write_text(self._note, origin.model_dump_json())

    def discard(self) -> None:
        """Remove all of it, so that it is begun anew."""
        for path in (self.path, self.aside, self._note):
            path.unlink(missing_ok=True)
