r"""Tables as LaTeX that needs no package but booktabs.

A wide table is turned on its side, long cells are broken into lines, and the type gets smaller: a package that scales
boxes is not needed. A long table becomes several, each of which fits on a page.
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
    "†": r"\ensuremath{\dagger}",
    "±": r"\ensuremath{\pm}",
    "–": "--",
    "−": r"\ensuremath{-}",
    "→": r"\ensuremath{\rightarrow}",
}
LINE_WIDTH = 14  # characters in a line of a cell
FIRST_LINE_WIDTH = 21  # of one in the first column, which has a row's name
ROWS_OF_A_PAGE = 30
SIZES = (  # of the type, up to so many characters in a line
    (66, r"\normalsize"),
    (71, r"\small"),
    (76, r"\footnotesize"),
    (84, r"\scriptsize"),
    (10**9, r"\tiny"),
)
COMMON = "Pretraining set"
BETWEEN = r"\par\medskip\noindent"


def latex(title: str, cells: Sequence[dict[str, str]], marks: Sequence[str] = ()) -> str:
    """One ``tabular`` for the rows of each pretraining set, which is said above it; a comment above all has the title.

    Args:
        title: of the table.
        cells: its rows, which have the same headers.
        marks: what marks in the cells mean, below all.
    """
    lines = ["% " + " ".join(title.split())]
    for common, group in _groups(cells):
        rows = [list(group[0]), *(list(row.values()) for row in group)]
        turned = [list(column) for column in zip(*rows, strict=True)]
        header, *body = min(rows, turned, key=_width)
        width = _width([header, *body])
        size = next(size for most, size in SIZES if width <= most)
        above = rf"\multicolumn{{{len(header)}}}{{l}}{{{COMMON}: {escaped(common)}}} \\" if common else None
        for first in range(0, len(body), ROWS_OF_A_PAGE):
            if len(lines) > 1:
                lines.append(BETWEEN)
            lines.append("{" + size + r"\setlength{\tabcolsep}{3pt}%")
            lines += _tabular(header, body[first : first + ROWS_OF_A_PAGE], above)
    lines += [line for mark in marks for line in (BETWEEN, r"{\footnotesize " + escaped(mark) + r"\par}")]
    return "\n".join(lines) + "\n"


def _groups(cells: Sequence[dict[str, str]]) -> list[tuple[str | None, list[dict[str, str]]]]:
    """Rows with the same pretraining set together, without the column that names it."""
    groups: dict[str | None, list[dict[str, str]]] = {}
    for row in cells:
        rest = {header: cell for header, cell in row.items() if header != COMMON}
        groups.setdefault(row.get(COMMON), []).append(rest)
    return list(groups.items())


def _tabular(header: Sequence[str], body: Sequence[Sequence[str]], above: str | None) -> list[str]:
    return [
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        *([above, r"\midrule"] if above else []),
        " & ".join(_stacked(cell, number) for number, cell in enumerate(header)) + r" \\",
        r"\midrule",
        *(" & ".join(_stacked(cell, number) for number, cell in enumerate(row)) + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def escaped(text: str) -> str:
    """The text with everything that means something to TeX made harmless."""
    return "".join(ESCAPED.get(character, character) for character in text)


def _lines(cell: str, column: int) -> list[str]:
    return textwrap.wrap(cell, LINE_WIDTH if column else FIRST_LINE_WIDTH, break_long_words=False) or [""]


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Characters in a line, about."""
    widths = [
        max(len(line) for cell in cells for line in _lines(cell, column))
        for column, cells in enumerate(zip(*rows, strict=True))
    ]
    return sum(width + 1 for width in widths)


def _stacked(cell: str, column: int) -> str:
    """A cell with its lines one above the other; the first column's are flush left, like the column."""
    lines = [escaped(line) for line in _lines(cell, column)]
    if len(lines) == 1:
        return lines[0]
    return rf"\begin{{tabular}}[b]{{@{{}}{'r' if column else 'l'}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"
