"""The report's pictures, each a function from figures to an SVG element."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from core.errors import InputError
from results.claims import Comparison
from results.gain import BETTER, WORSE, Step
from results.plan import Results
from results.report.svg import BAD, FAINT, GOOD, INK, LINE, METHODS, UNSURE, as_file, as_svg, figure
from results.statistics import summarise
from results.tables import Figure
from results.tested import Line, tested

OUTCOMES = {"holds": (GOOD, "o", True), "does not hold": (BAD, "X", True)}  # colour, marker, whether it is filled
SMALL = (340, 250)  # a picture that stands beside others, in pixels
ROW = 24  # pixels for an interval
Compared = TypeVar("Compared", Line, Step)


@dataclass(frozen=True)
class Picture:
    """An SVG element with what is said below it."""

    svg: str
    caption: str


def colour_of(method: str, methods: Mapping[str, str]) -> str:
    """A method's colour, by its place in the plan."""
    return METHODS[list(methods).index(method) % len(METHODS)]


def forest(claims: Sequence[Line]) -> str | None:
    """The claims with their intervals, those about errors on an axis of their own; None where none has one."""
    drawn_lines = [line for line in claims if line.comparison.interval]
    if not drawn_lines:
        return None
    parts = _by_direction(drawn_lines)
    several = len({line.training_set for line in drawn_lines}) > 1
    with figure(680, 70 * len(parts) + ROW * len(drawn_lines)) as drawn:
        for axes, part in zip(_axes(drawn, [len(it) for it in parts]), parts, strict=True):
            for row, line in enumerate(part):
                colour, marker, filled = OUTCOMES.get(line.outcome.word, (UNSURE, "o", False))
                _draw_interval(axes, row, line.comparison, colour, marker, filled)
                axes.annotate(
                    line.outcome.word,
                    (1.02, row),
                    xycoords=("axes fraction", "data"),
                    color=colour,
                    va="center",
                    fontsize=10,
                    annotation_clip=False,
                )
            _name_rows(axes, [f"{it.title}{f', {it.training_set}' if several else ''}" for it in part])
            better = " or ".join(dict.fromkeys(it.titles[0] for it in part))
            axes.set_title(_direction(part[0].lower_is_better, f"{better} − baseline"))
        return as_svg(drawn, "The claims with their simultaneous confidence intervals")


def gain(steps: Sequence[Step], methods: Mapping[str, str]) -> str | None:
    """What each step adds to every claim's mean, in the colour of the method it leads to; None without intervals."""
    drawn_steps = [step for step in steps if step.comparison.interval]
    if not drawn_steps:
        return None
    parts = _by_direction(drawn_steps)
    several = len({step.training_set for step in drawn_steps}) > 1
    with figure(680, 70 * (len(parts) + 1) + ROW * len(drawn_steps)) as drawn:
        for axes, part in zip(_axes(drawn, [len(it) for it in parts]), parts, strict=True):
            for row, step in enumerate(part):
                is_decided = step.outcome.word in (BETTER, WORSE)
                _draw_interval(axes, row, step.comparison, colour_of(step.method, methods), "o", is_decided)
            names = [f"{it.claim}{f', {it.training_set}' if several else ''}" for it in part]
            _name_rows(axes, [name if name not in names[:row] else "" for row, name in enumerate(names)])
            axes.set_title(_direction(part[0].lower_is_better, "what a step adds"))
        titles = {step.title: Line2D([], [], color=colour_of(step.method, methods)) for step in drawn_steps}
        drawn.legend(titles.values(), titles.keys(), loc="outside lower left")
        return as_svg(drawn, "What each step of the method adds, with simultaneous confidence intervals")


def _by_direction(lines: Sequence[Compared]) -> list[list[Compared]]:
    """Those of which more is better, and those of which less is, where there are any."""
    parts = [[line for line in lines if line.lower_is_better == lower] for lower in (False, True)]
    return [part for part in parts if part]


def _direction(lower_is_better: bool, what: str) -> str:
    return f"{'Lower' if lower_is_better else 'Higher'} is better: {what}, points"


def _axes(drawn: MatplotlibFigure, rows: Sequence[int]) -> Iterable[Axes]:
    ratios = {"height_ratios": [count + 1.2 for count in rows]}
    return drawn.subplots(len(rows), 1, squeeze=False, gridspec_kw=ratios)[:, 0]


def _draw_interval(axes: Axes, row: int, comparison: Comparison, colour: str, marker: str, filled: bool) -> None:
    assert comparison.difference is not None and comparison.interval is not None
    axes.plot(comparison.interval, [row, row], color=colour, linewidth=2, solid_capstyle="round")
    fill = "full" if filled else "none"
    axes.plot([comparison.difference.mean], [row], marker, color=colour, markersize=7, fillstyle=fill)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.axvline(0, color=FAINT, linewidth=1)
    axes.set_yticks(range(len(names)), names, color=INK, fontsize=11)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def standing_alone(results: Results) -> str:
    """The forest plot as a file of its own.

    Raises:
        InputError: no claim was tested with more than one seed.
    """
    element = forest([line for line in tested(results) if line.figure is None])
    if element is None:
        raise InputError(
            f"Profile {results.profile['name']} has tested no claim with two seeds or more: run the "
            "methods that its claims compare."
        )
    return as_file(element)


def curves(figures: Sequence[Figure], methods: Mapping[str, str]) -> list[Picture]:
    """A table's figures over their places on its axis, one picture for each evaluation and pretraining set."""
    pictures = []
    for evaluation, training_set in dict.fromkeys((it.column.evaluation, it.training_set) for it in figures):
        part = [it for it in figures if (it.column.evaluation, it.training_set) == (evaluation, training_set)]
        if not any(it.ours for it in part):
            continue
        name, axis = part[0].column.on, part[0].table.axis
        with figure(*SMALL) as drawn:
            axes = drawn.subplots()
            for method, of_method in _by_method(part).items():
                _draw_curve(axes, of_method, methods[method], colour_of(method, methods))
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.set_xticks(sorted({_place_of(it) for it in part}))
            axes.set_xlabel(axis)
            axes.set_title(f"{name} (%)")
            axes.legend()
            pictures.append(Picture(as_svg(drawn, f"{name} by {axis}"), part[0].set_title))
    return pictures


def _by_method(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    by_method: dict[str, list[Figure]] = {}
    for it in figures:
        by_method.setdefault(it.method, []).append(it)
    return by_method


def _place_of(it: Figure) -> float:
    return 0.0 if it.column.at is None else it.column.at


def _draw_curve(axes: Axes, figures: Sequence[Figure], label: str, colour: str) -> None:
    ours = [(_place_of(it), it.ours.mean, it.spread or 0.0) for it in figures if it.ours]
    if ours:
        k, mean, spread = zip(*ours, strict=True)
        axes.errorbar(k, mean, yerr=spread, color=colour, marker="o", capsize=3, elinewidth=1.2, label=label)
    paper = [(_place_of(it), it.published.values[0]) for it in figures if len(it.published.values) == 1]
    if paper:
        k, values = zip(*paper, strict=True)
        axes.plot(k, values, "--", color=colour, marker="D", fillstyle="none", linewidth=1.2, label=f"{label}, paper")


Epochs = Sequence[Mapping[str, Any]]


def training(curves: Mapping[str, Sequence[Epochs]], methods: Mapping[str, str]) -> list[Picture]:
    """A picture for every quantity: the mean over seeds of every method, in the band of its lowest and highest.

    Args:
        curves: by method, for each seed the finished epochs.
        methods: of the plan.
    """
    names = dict.fromkeys(name for seeds in curves.values() for epochs in seeds for row in epochs for name in row)
    order = {"accuracy": 1, "kept": 2, "corrected": 3, "learning_rate": 4}
    pictures = []
    for name in sorted((name for name in names if name != "epoch"), key=lambda it: (order.get(it, 0), it)):
        with figure(*SMALL) as drawn:
            axes = drawn.subplots()
            for method, seeds in curves.items():
                points = _by_epoch(seeds, name)
                if not points:
                    continue
                epochs = sorted(points)
                colour = colour_of(method, methods)
                low, high = ([limit(points[epoch]) for epoch in epochs] for limit in (min, max))
                axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
                means = [fmean(points[epoch]) for epoch in epochs]
                axes.plot(epochs, means, color=colour, label=methods[method])
            if name in ("accuracy", "kept", "corrected"):
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.set_xlabel("epoch")
            axes.set_title(_quantity(name))
            axes.legend()
            pictures.append(Picture(as_svg(drawn, f"{_quantity(name)} by epoch"), ""))
    return pictures


def _quantity(name: str) -> str:
    titles = {
        "accuracy": "Agreement with the trusted labels",
        "kept": "Share of samples kept",
        "corrected": "Share of samples corrected",
        "learning_rate": "Learning rate",
    }
    return titles.get(name) or name.removeprefix("loss/").capitalize() + " loss"


def _by_epoch(seeds: Iterable[Epochs], name: str) -> dict[int, list[float]]:
    """All seeds' finite values by epoch, from 1."""
    points: dict[int, list[float]] = {}
    for epochs in seeds:
        for row in epochs:
            if name in row and math.isfinite(row[name]):
                points.setdefault(int(row["epoch"]) + 1, []).append(row[name])
    return points


Reliability = Mapping[str, Sequence[float]]


def reliability(diagrams: Mapping[str, Sequence[Reliability]], title: str, methods: Mapping[str, str]) -> Picture:
    """Accuracy over confidence, bin by bin, mean over seeds; on the diagonal, a model knows how sure it may be.

    Args:
        diagrams: by method, for each seed ``confidence`` and ``accuracy`` of the bins, as fractions.
        title: of the data set.
        methods: of the plan.
    """
    with figure(*SMALL) as drawn:
        axes = drawn.subplots()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for method, seeds in diagrams.items():
            bins = min(len(seed["confidence"]) for seed in seeds)
            x, y = (
                [summarise([seed[key][place] for seed in seeds]).mean for place in range(bins)]
                for key in ("confidence", "accuracy")
            )
            colour = colour_of(method, methods)
            axes.plot(x, y, color=colour, marker="o", label=methods[method])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="confidence", title=f"{title}: accuracy")
        axes.legend(loc="upper left")
        return Picture(as_svg(drawn, f"Reliability diagram of {title}"), "")


def bars(figures: Sequence[Figure], methods: Mapping[str, str]) -> list[Picture]:
    """A group of bars for each figure, one a method, with the paper's figure as a diamond; a picture for each set."""
    pictures = []
    for training_set in dict.fromkeys(it.training_set for it in figures):
        part = [it for it in figures if it.training_set == training_set]
        titles = list(dict.fromkeys(it.column.title for it in part))
        shown = _by_method(part)
        if not any(it.ours for it in part):
            continue
        with figure(680, 70 + len(titles) * (12 + 14 * len(shown))) as drawn:
            axes = drawn.subplots()
            height = 0.8 / len(shown)
            for number, (method, of_method) in enumerate(shown.items()):
                for it in of_method:
                    y = titles.index(it.column.title) + (number - (len(shown) - 1) / 2) * height
                    if it.ours:
                        axes.barh(y, it.ours.mean, height * 0.85, color=colour_of(method, methods))
                        axes.errorbar(it.ours.mean, y, xerr=it.spread or 0.0, color=INK, capsize=2, elinewidth=1)
                    for value in it.published.values:
                        axes.plot([value], [y], "D", color=INK, fillstyle="none")
                axes.barh([0], [0], color=colour_of(method, methods), label=methods[method])
            axes.plot([], [], "D", color=INK, fillstyle="none", linestyle="none", label="paper")
            axes.set_yticks(range(len(titles)), titles, color=INK)
            axes.invert_yaxis()
            axes.grid(axis="y", visible=False)
            axes.spines["left"].set_color(LINE)
            axes.legend(loc="lower right")
            pictures.append(Picture(as_svg(drawn, f"{part[0].table.title}, after pretraining on {training_set}"), ""))
    return pictures
