"""Two methods compared image by image: what another draw of as many images could make of their difference."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from core.errors import InputError
from metrics.measures import CONFIDENCE_DEVIATIONS, MEASURES, Measure, resamples
from results.outputs import AbsentOutputError, AlteredOutputError, read_output
from results.plan import PlannedJob, Results
from results.schema import Record

RESAMPLES = 200  # the width of an interval is then known to 5%


@dataclass(frozen=True)
class Pair:
    """One figure of two methods, of one seed, on the same images.

    Attributes:
        training_set: of both, as printed.
        key: the figure by evaluation and metric.
        figure: as printed.
        seed: of both.
        ours, theirs: of the first and the second method, in percent.
        deviation: that sampling of images gives to ours minus theirs; None where ``reason`` says why it isn't known.
        p_value: McNemar's exact test that both are right equally often; None of a figure that does not count right
            images.
        reason: why the methods cannot be compared image by image; empty where they can.
    """

    training_set: str
    key: tuple[str, str]
    figure: str
    seed: str
    ours: float
    theirs: float
    deviation: float | None = None
    p_value: float | None = None
    reason: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of ours minus theirs, 95% over images."""
        if self.deviation is None:
            return None
        difference, half = self.ours - self.theirs, CONFIDENCE_DEVIATIONS * self.deviation
        return difference - half, difference + half


def compare(results: Results, runs: Path, first: str, second: str) -> str:
    """The figures of two methods that the plan measures on the same images, as a Markdown table.

    Raises:
        InputError: a method is not in the plan, or both have no figure in common.
    """
    ours, theirs = (_method(results, name) for name in (first, second))
    pairs = list(paired(results, runs, ours, theirs))
    if not pairs:
        raise InputError(f"No figure of {ours} and {theirs} was measured with the same seed: run both first.")
    titles = results.title_of(ours), results.title_of(theirs)
    rows = [
        {
            "Pretraining set": pair.training_set,
            "Figure": pair.figure,
            "Seed": pair.seed,
            titles[0]: f"{pair.ours:.2f}",
            titles[1]: f"{pair.theirs:.2f}",
            "Difference": f"{pair.ours - pair.theirs:+.2f}",
            "95% interval over images": "[{:+.2f}, {:+.2f}]".format(*pair.interval) if pair.interval else pair.reason,
            "McNemar's p": "" if pair.p_value is None else f"{pair.p_value:.2g}",
        }
        for pair in pairs
    ]
    notes = (
        "Of one checkpoint each: another training could differ by more than another draw of images.",
        f"Intervals: 1.96 standard deviations of the difference over {RESAMPLES} bootstrap resamples of the images, "
        "the same for both methods. McNemar's test is exact, of the images that one alone gets right.",
    )
    table = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
    return "\n".join([table, "", *(f"- {note}" for note in notes)])


def paired(results: Results, runs: Path, first: str, second: str) -> Iterator[Pair]:
    """Every figure of the plan's tables that both methods have, by pretraining set, seed and column."""
    done = {job.figure: (job, record) for job, record in results.done if job.figure}
    for key, ours in done.items():
        method, training_set, evaluation, seed = key
        theirs = done.get((second, training_set, evaluation, seed))
        if method != first or theirs is None:
            continue
        columns = [it for it in results.columns.values() if it.evaluation == evaluation]
        found, reason = _differences(runs, ours, theirs)
        for column in columns:
            figures = [record.metrics.get(column.metric) for _, record in (ours, theirs)]
            if figures[0] is None or figures[1] is None:
                continue
            deviation, p_value = found.get(column.metric, (None, None))
            yield Pair(
                results.title_of_set(training_set),
                (evaluation, column.metric),
                column.title,
                seed,
                figures[0].value,
                figures[1].value,
                deviation,
                p_value,
                "" if deviation is not None else reason or "not resampled",
            )


Done = tuple[PlannedJob, Record]
Compared = dict[str, tuple[float, float | None]]  # by figure: the difference's standard deviation, McNemar's p


def _differences(runs: Path, *both: Done) -> tuple[Compared, str]:
    """What resamples of the images make of the difference, by figure; or why they are not resampled."""
    kept = [record.outputs or {} for _, record in both]
    name = next((name for name in kept[0] if name in kept[1] and kept[0][name].measure in MEASURES), None)
    if name is None:
        return {}, "no outputs kept"
    measure = MEASURES[kept[0][name].measure or ""]
    if measure.resampled is None or kept[0][name].measure != kept[1][name].measure:
        return {}, "not resampled"
    if measure.missing:
        return {}, f"needs {' and '.join(measure.missing)}"
    try:
        ours, theirs = (read_output(runs / job.folder, of[name]) for (job, _), of in zip(both, kept, strict=True))
    except AbsentOutputError:
        return {}, "output not here"
    except AlteredOutputError:
        return {}, "output altered"
    if not np.array_equal(ours["path"], theirs["path"]):
        return {}, "other images"
    return _resampled(measure, ours, theirs), ""


def _resampled(measure: Measure, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> Compared:
    assert measure.resampled is not None
    weights = resamples(len(ours["path"]), RESAMPLES)
    first, second = (measure.resampled(columns, weights) for columns in (ours, theirs))
    p_values = {}
    if measure.right is not None and measure.counts is not None:
        p_values[measure.counts] = mcnemar(measure.right(ours), measure.right(theirs))
    return {
        name: (float(np.nanstd(first[name] - second[name], ddof=1)), p_values.get(name))
        for name in first.keys() & second.keys()
    }


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The exact two-sided p-value that both are right on equally many images; of ``[n]`` whether each is right."""
    from scipy.special import bdtr

    ours_alone, theirs_alone = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return min(1.0, 2 * float(bdtr(min(ours_alone, theirs_alone), ours_alone + theirs_alone, 0.5)))


def _method(results: Results, name: str) -> str:
    """The method that is called so, by its name or its title.

    Raises:
        InputError: there is none.
    """
    known = list(dict.fromkeys(job.figure[0] for job in results.jobs if job.figure))
    for method in known:
        if name in (method, results.title_of(method)):
            return method
    near = difflib.get_close_matches(name, known, n=1, cutoff=0) or ["none, as nothing is planned"]
    raise InputError(f"The plan has no method {name}: the nearest is {near[0]}.")
