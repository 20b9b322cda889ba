"""How figures are computed from an output: what a stage measures with, and what recomputes it later.

A record names the measure of each of its outputs. A measure is a pure function of the output's columns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.extras import is_installed
from core.outputs import Columns
from core.seeds import generator
from core.workspace import Workspace
from metrics import calibration, correction, detection, draws, top_k
from metrics.figure import Figures

CONFIDENCE_DEVIATIONS = 1.959963984540054  # of a normal distribution, that 95% lie within
RESAMPLES = 100  # for the interval in a record: its width is then known to 7%


@dataclass(frozen=True)
class Measure:
    """A way from an output to figures.

    Attributes:
        figures: the figures, by name.
        resampled: from the columns and ``[n, m]``, how often each of m resamples has each image, to the figures of
            the resamples, ``[m]`` each; None where images are not what the figures vary with.
        shares: figures that are shares of images, or all of them (None).
        counts: the figure that counts the images whose first answer is right; None where there is none such.
        right: whether it is right, ``[n]``.
        packages: modules that have to be importable.
    """

    figures: Callable[[Columns], Figures]
    resampled: Callable[[Columns, np.ndarray], dict[str, np.ndarray]] | None = None
    shares: tuple[str, ...] | None = ()
    counts: str | None = None
    right: Callable[[Columns], np.ndarray] | None = None
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Modules that it needs and that are not installed."""
        return [name for name in self.packages if not is_installed(name)]


def _first_is_right(of_images: Columns) -> np.ndarray:
    return of_images["classes"][:, 0] == of_images["label"]


MEASURES: Mapping[str, Measure] = {
    "top-k": Measure(top_k.figures, top_k.resampled, ("top1", "top5"), "top1", _first_is_right),
    "calibration": Measure(calibration.figures, calibration.resampled, ("accuracy",), "accuracy", _first_is_right),
    "scores-of-draws": Measure(draws.score_figures, draws.resampled_scores),
    "classes-of-draws": Measure(draws.class_figures, draws.resampled_classes),
    "coco-ap": Measure(detection.figures, detection.resampled, packages=detection.PACKAGES),
    "correction": Measure(correction.figures, shares=None),
}


def keep_and_measure(workspace: Workspace, name: str, measure: str, columns: Mapping[str, Any]) -> Figures:
    """Keep what a stage computed for every image, and give its figures with their intervals over the images.

    Args:
        workspace: the job's; in all of the job's processes.
        name: of the output.
        measure: one of ``MEASURES``.
        columns: of the output, as the measure asks for them.
    """
    figures = MEASURES[measure].figures(columns)
    with workspace.timing_outputs():
        intervals = intervals_over_images(measure, columns, figures)
    workspace.output(name, columns, measure)
    return {of: figure | intervals.get(of, {}) for of, figure in figures.items()}


def intervals_over_images(measure: str, columns: Columns, figures: Figures) -> dict[str, dict[str, list[float]]]:
    """For each figure that images are sampled for, ``{"interval": [low, high]}``: 95% confidence.

    Of a share of images it is Wilson's; of anything else, the figure and 1.96 standard deviations of its bootstrap to
    both sides, over resamples of the images that are drawn with the same seed each time.
    """
    by = MEASURES[measure]
    shares = [name for name in figures if by.shares is None or name in by.shares]
    ends = {name: wilson(figures[name]["value"] / 100, figures[name]["n"]) for name in shares}
    if by.resampled is not None and len(shares) < len(figures):
        of_resamples = by.resampled(columns, resamples(len(columns["path"]), RESAMPLES))
        for name in figures.keys() & of_resamples.keys() - set(shares):
            half = CONFIDENCE_DEVIATIONS * float(np.nanstd(of_resamples[name], ddof=1))
            value = figures[name]["value"]
            ends[name] = max(0.0, value - half), min(100.0, value + half)
    return {name: {"interval": list(of_figure)} for name, of_figure in ends.items()}


def resamples(n: int, count: int) -> np.ndarray:
    """How often each of n images is in each of some bootstrap resamples, ``[n, count]``; the same for the same n."""
    rng = generator(0, "resamples", n)
    drawn = [np.bincount(rng.integers(0, n, n), minlength=n).astype(np.int32) for _ in range(count)]
    return np.stack(drawn, axis=1)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share of n, in percent (Wilson, 1927): not empty at 0 and 1."""
    z = CONFIDENCE_DEVIATIONS**2 / n
    centre, half = share + z / 2, CONFIDENCE_DEVIATIONS * np.sqrt(share * (1 - share) / n + z / (4 * n))
    low, high = (centre - half) / (1 + z), (centre + half) / (1 + z)
    return 100 * max(0.0, min(share, float(low))), 100 * min(1.0, max(share, float(high)))  # rounded to its right side
