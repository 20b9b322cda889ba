r"""Tables as LaTeX that needs no package but booktabs.

A wide table is turned on its side, headers are broken into lines, and the type gets smaller: a package that scales
boxes is not needed.
"""

import textwrap
from collections.abc import Sequence

ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    "±": r"\ensuremath{\pm}",
    "–": "--",
    "→": r"\ensuremath{\rightarrow}",
}
HEADER_WIDTH = 16  # characters in a line of a header
SIZES = ((80, r"\normalsize"), (95, r"\small"), (115, r"\footnotesize"), (10**9, r"\scriptsize"))  # up to characters


def latex(title: str, cells: Sequence[dict[str, str]]) -> str:
    """A ``tabular`` of rows with the same headers, in a group of its own; the title is a comment above it."""
    rows = [list(cells[0]), *(list(row.values()) for row in cells)]
    turned = [list(column) for column in zip(*rows, strict=True)]
    rows = min(rows, turned, key=_width)
    size = next(size for width, size in SIZES if _width(rows) <= width)
    header, *body = rows
    lines = [
        "% " + " ".join(title.split()),
        "{" + size + r"\setlength{\tabcolsep}{4pt}%",
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        " & ".join(_stacked(cell, "l" if number == 0 else "r") for number, cell in enumerate(header)) + r" \\",
        r"\midrule",
        *(" & ".join(map(escaped, row)) + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with everything that means something to TeX made harmless."""
    return "".join(ESCAPED.get(character, character) for character in text)


def _lines(header: str) -> list[str]:
    return textwrap.wrap(header, HEADER_WIDTH, break_long_words=False) or [""]


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Characters in a line, about."""
    header, *body = rows
    widths = [max(map(len, _lines(cell))) for cell in header]
    return sum(max([width, *(len(row[number]) for row in body)]) + 1 for number, width in enumerate(widths))


def _stacked(header: str, alignment: str) -> str:
    lines = [escaped(line) for line in _lines(header)]
    if len(lines) == 1:
        return lines[0]
    return rf"\begin{{tabular}}[b]{{@{{}}{alignment}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"
