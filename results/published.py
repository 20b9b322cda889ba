"""The paper's figures, each with how sure we are of it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("published_numbers.csv")


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


def read_published() -> Figures:
    """All figures by (table, method, pretraining set, metric)."""
    figures: Figures = {}
    with TABLE.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["table"] == "hyperparameters":
                continue
            key = (row["table"], row["method"], row["pretrain_data"], row["metric"])
            values = figures.get(key, UNKNOWN).values
            if row["value"]:
                values += (float(row["value"]),)
            figures[key] = Published(values, row["status"])
    return figures
