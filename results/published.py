"""Published figures, each with how sure we are of it: the paper's, and those of other literature on the same data."""

import csv
import io
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from core.declarations import Table
from core.errors import InputError

TABLE = Path(__file__).with_name("published_numbers.csv")
TABLES_OF = {"paper": TABLE, "webvision50": TABLE.with_name("published_webvision50.csv")}  # by a profile's published
HEADER = ("table", "method", "pretrain_data", "metric", "value", "status", "source")
STATUSES = ("verified", "secondary", "conflict", "missing")


@dataclass(frozen=True)
class Published:
    """A published figure.

    Attributes:
        values: in the metric's unit; several where sources disagree, none where no figure was found.
        status: ``verified`` (an official repository or the method's own paper), ``secondary`` (quoted elsewhere),
            ``conflict`` (two sources disagree) or ``missing``.
    """

    values: tuple[float, ...]
    status: str


Figures = dict[tuple[str, str, str, str], Published]  # by (table, method, pretraining set, metric)

UNKNOWN = Published((), "missing")


def combined(figures: Sequence[Published]) -> Published:
    """What several sources say of one figure; ``conflict`` where they disagree."""
    known = [figure for figure in figures if figure.values]
    values = tuple(dict.fromkeys(value for figure in known for value in figure.values))
    if len(values) > 1:
        return Published(values, "conflict")
    return known[0] if known else UNKNOWN


def read_published(tables: Iterable[Table], path: Path = TABLE) -> Figures:
    """All figures by (table, method, pretraining set, metric).

    Args:
        tables: whose figures may be published.
        path: of the file.

    Raises:
        InputError: a cell is wrong; the sentence names its line, and what it should be.
    """
    figures: Figures = {}
    metrics = {(table.published, column.published) for table in tables for column in table.columns}
    with io.StringIO(_text(path), newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != HEADER:
            raise InputError(f"{path} begins with other columns than {', '.join(HEADER)}: restore its first line.")
        for row in reader:
            if row["table"] == "hyperparameters":
                continue
            key = (row["table"], row["method"], row["pretrain_data"], row["metric"])
            if fault := _fault(row, metrics) or _fault_beside(row, figures.get(key)):
                raise InputError(f"{path}, line {reader.line_num}: {fault}.")
            values = figures.get(key, UNKNOWN).values
            if row["value"]:
                values += (float(row["value"]),)
            figures[key] = Published(values, row["status"])
    for key, figure in figures.items():
        if figure.status == "conflict" and len(figure.values) == 1:
            raise InputError(f"{path}: {'/'.join(key)} is a conflict of one value: add the other's line, or settle it.")
    return figures


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # as spreadsheets write it
    except UnicodeError:
        raise InputError(f"{path} is not encoded in UTF-8: save it as CSV in UTF-8.") from None


def _fault(row: dict[str, str], metrics: Set[tuple[str | None, str | None]]) -> str | None:
    """What is wrong with a line by itself, and what to do about it; None where nothing is."""
    if None in row or None in row.values():
        return f"it has not {len(HEADER)} cells: put cells that hold a comma into quotation marks"
    if (row["table"], row["metric"]) not in metrics:
        return (
            f"no table has the metric {row['table']}/{row['metric']}: drop the line, or name one of a table's columns"
        )
    if row["status"] not in STATUSES:
        return f"the status is {row['status']!a}, expected one of {', '.join(STATUSES)}"
    if not row["value"]:
        return (
            None
            if row["status"] == "missing"
            else f"it is {row['status']} and has no value: give it, or call it missing"
        )
    if row["status"] == "missing":
        return f"it is missing and has the value {row['value']!a}: say how sure it is, or leave the value empty"
    if not _is_percentage(row["value"]):
        return f"the value is {row['value']!a}, expected a number between 0 and 100, or nothing"
    return None if row["source"] else "it has a value without a source: name where it is from"


def _is_percentage(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) is not None and float(text) <= 100


def _fault_beside(row: dict[str, str], other: Published | None) -> str | None:
    """What is wrong with a line beside an earlier one of the same figure."""
    if other is None or (row["status"] == "conflict" == other.status and float(row["value"]) not in other.values):
        return None
    return "the same figure is on an earlier line: drop one, or call both a conflict, with different values"
