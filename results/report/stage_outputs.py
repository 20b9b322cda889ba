"""What stages left beside their records for the report: checked, as anybody may have touched it since."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError, model_validator

from results.schema import first_fault

T = TypeVar("T")


def _has_an_epoch(row: dict[str, float]) -> dict[str, float]:
    if not 0 <= row.get("epoch", -1) < 10**9:
        raise ValueError("a row has no epoch from 0")
    return row


class Exhibit(BaseModel):
    """A picture that a stage left, and what is said about it; ``image`` is its file, relative to the job's folder."""

    group: str
    image: str
    caption: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


class Reliability(BaseModel):
    """Bins of a reliability diagram: mean confidence and accuracy of each, as fractions."""

    confidence: list[FiniteFloat] = Field(min_length=1)
    accuracy: list[FiniteFloat]

    @model_validator(mode="after")
    def _are_as_many(self) -> "Reliability":
        if len(self.confidence) != len(self.accuracy):
            raise ValueError("confidence and accuracy have not the same number of bins")
        return self


EPOCHS = TypeAdapter(list[Annotated[dict[str, float], AfterValidator(_has_an_epoch)]])
EXHIBITS = TypeAdapter(list[Exhibit])


def read_stage_output(path: Path, kind: TypeAdapter[T], problems: list[str]) -> T | None:
    """The content of a file of a kind; None where there is no such file, or it is damaged, which is a problem."""
    try:
        return kind.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(f"{path} cannot be read ({error.strerror}); the report goes without it.")
    except ValidationError as error:
        problems.append(f"{path} is damaged ({first_fault(error)}); the report goes without it.")
    return None
