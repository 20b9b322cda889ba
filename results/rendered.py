"""A finished table, before it is written in any form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rendered:
    """A finished table.

    Attributes:
        name: of its files.
        title: printed above.
        cells: its rows, one string a cell, which all have the same headers.
        notes: printed below.
        marks: what marks in cells mean, printed below wherever the cells are.
    """

    name: str
    title: str
    cells: list[dict[str, str]]
    notes: tuple[str, ...]
    marks: tuple[str, ...] = ()
