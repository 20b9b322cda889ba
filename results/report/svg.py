"""Matplotlib's pictures as SVG that takes its colours and fonts from the page, and is the same for the same figures."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# Drawn in these colours, which nothing else has, and shown in the page's. Methods have one each, in the plan's order.
INK, FAINT, LINE, GOOD, BAD, UNSURE = "#000101", "#000102", "#000103", "#000104", "#000105", "#000106"
METHODS = tuple(f"#0002{number:02x}" for number in range(8))
VARIABLES = {
    INK: "--ink",
    FAINT: "--faint",
    LINE: "--line",
    GOOD: "--good",
    BAD: "--bad",
    UNSURE: "--unsure",
    **{colour: f"--method{number}" for number, colour in enumerate(METHODS)},
}
COLOURS = Path(__file__).with_name("colours.css")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 11,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "figure.dpi": 72,  # a unit of the picture is a pixel of the page
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


@contextmanager
def figure(width: int, height: int) -> Iterator[Figure]:
    """A figure of a size in pixels, in the report's style."""
    with matplotlib.rc_context(STYLE):
        yield Figure((width / 72, height / 72), layout="constrained")


def as_svg(drawn: Figure, title: str) -> str:
    """An ``svg`` element for the inside of a page; the title is read aloud to those who don't see it."""
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        drawn.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    element = text.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r"<!--.*?-->", "", element, flags=re.DOTALL)
    element = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", element, flags=re.DOTALL)
    element = re.sub(r' id="[\w.]+_[0-9]+"', "", element)  # numbered anew in every picture, and not referred to
    element = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", element)
    element = re.sub(r"font: (?:(\w+) )?([0-9.]+px) [^;\"]*", _font, element)
    element = re.sub(r"font-family: [^;\"]*;? ?", "", element)
    for colour, variable in VARIABLES.items():
        element = element.replace(colour, f"var({variable})")
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', element)
    assert box
    width, height = box.groups()
    inside = element[element.index(">") + 1 :]
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
    head += f'aria-label="{_attribute(title)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    head += 'stroke-linejoin="round">'
    return head + re.sub(r"\n\s*", "\n", inside).strip()


def as_file(element: str) -> str:
    """An ``svg`` element as a file of its own, in the light or the dark colours of whoever looks at it."""
    end = element.index(">") + 1
    style = COLOURS.read_text() + "svg { background: var(--page); font-family: system-ui, sans-serif; }"
    return f"{element[:end]}<style>{style}</style>{element[end:]}\n"


def _font(match: re.Match[str]) -> str:
    weight, size = match.groups()
    return f"font-size: {size}" + (f"; font-weight: {weight}" if weight else "")


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
