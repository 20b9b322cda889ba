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
SIZES = ((66, r"\normalsize"), (71, r"\small"), (76, r"\footnotesize"), (10**9, r"\scriptsize"))  # up to characters
COMMON = "Pretraining set"  # said once, above, where it is the same for all rows


def latex(title: str, cells: Sequence[dict[str, str]]) -> str:
    """A ``tabular`` of rows with the same headers, in a group of its own; the title is a comment above it."""
    common = cells[0].get(COMMON)
    if common is not None and all(row[COMMON] == common for row in cells):
        cells = [{header: cell for header, cell in row.items() if header != COMMON} for row in cells]
    else:
        common = None
    rows = [list(cells[0]), *(list(row.values()) for row in cells)]
    turned = [list(column) for column in zip(*rows, strict=True)]
    rows = min(rows, turned, key=_width)
    size = next(size for width, size in SIZES if _width(rows) <= width)
    header, *body = rows
    above = rf"\multicolumn{{{len(header)}}}{{l}}{{{COMMON}: {escaped(common)}}} \\" if common else None
    lines = [
        "% " + " ".join(title.split()),
        "{" + size + r"\setlength{\tabcolsep}{3pt}%",
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        *([above, r"\midrule"] if above else []),
        " & ".join(_stacked(cell, "l" if number == 0 else "r") for number, cell in enumerate(header)) + r" \\",
        r"\midrule",
        *(" & ".join([escaped(row[0]), *(_stacked(cell, "r") for cell in row[1:])]) + r" \\" for row in body),
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
    columns = list(zip(*rows, strict=True))
    first = max(len(_lines(columns[0][0])[0]), *(len(cell) for cell in columns[0][1:]))
    widths = [first, *(max(len(line) for cell in column for line in _lines(cell)) for column in columns[1:])]
    return sum(width + 1 for width in widths)


def _stacked(header: str, alignment: str) -> str:
    lines = [escaped(line) for line in _lines(header)]
    if len(lines) == 1:
        return lines[0]
    return rf"\begin{{tabular}}[b]{{@{{}}{alignment}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"
