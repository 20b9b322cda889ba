"""``python -m benchmarks.regime runs/regime``: what a reproduction shows of the method's mechanism, world by world.

From plan, records and kept outputs: the criteria by which the miniature's constants were chosen (docs/miniature.md),
what each part of the method is worth, and the spread between worlds beside what sampling of images or draws adds to it.
"""

import argparse
import math
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from tabulate import tabulate

from core.errors import InputError
from core.exit_status import exit_status_of
from results.paired import paired
from results.plan import NO_SET, PlannedJob, Results, read_results
from results.schema import Metric, Record
from results.statistics import Summary, summarise

METHOD, BASELINE, FAIR_BASELINE, WITHOUT_CORRECTION = "mopro", "ce", "ce-strong-view", "no-correction"
IMAGENET = ("accuracy-imagenet", "top1")
HALF = 50  # % of the wrong labels, of criterion (a)
THREE_TIMES_CHANCE = 30  # %, of ten classes, of criterion (b)
SHARES = ("top1", "top5", "accuracy")  # of images: each has a binomial variance
UNTOLD = "cannot be told"

Row = dict[str, object]
Figure = tuple[str, str]  # evaluation and metric
Pair = tuple[Metric, Metric]  # MoPro's figure, and that of another method
Curve = Mapping[int, float]  # number of finished epochs -> clean top-1, in percent


def main(arguments: Sequence[str]) -> int:
    """Print the tables as Markdown; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.regime", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", metavar="FOLDER", type=Path, help="of a reproduction, such as runs/regime")
    runs = parser.parse_args(arguments).runs
    results = read_results(runs)
    study = Study(results, runs)
    for title, rows in (
        ("Criteria", study.verdicts()),
        ("What they rest on, over the worlds", [part.row() for part in study.parts()]),
        ("World by world", study.criteria()),
        ("Cross-entropy's clean accuracy after each epoch, mean over the worlds (%)", study.curve()),
        ("What each part is worth: figures, and MoPro's lead over each method (points)", study.figures()),
        ("MoPro's leads: their spread between worlds, and what sampling adds to it (points)", study.sampling()),
        ("The same of the claims' means", study.sampling_of_claims()),
        ("Core-seconds", study.costs()),
        ("Missing: jobs without a record that can be used", missing(results)),
    ):
        table = tabulate(rows, headers="keys", tablefmt="github", floatfmt=".1f") if rows else "None."
        print(f"### {title}\n\n{table}\n")
    for problem in results.problems:
        print(problem)
    return 0


@dataclass(frozen=True)
class Part:
    """One of the quantities that a criterion rests on.

    Attributes:
        criterion: such as ``(a) cross-entropy memorises``.
        title: what it is, with its unit.
        values: one for each world in which it was measured.
        least: what the mean has to reach; None where its 95% interval has to lie above 0.
    """

    criterion: str
    title: str
    values: Sequence[float]
    least: float | None = None

    @property
    def summary(self) -> Summary | None:
        """Over the worlds; None where there are none."""
        return summarise(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether it is as its criterion asks; None where that cannot be told, as from the interval of one world."""
        summary = self.summary
        if summary is None or (self.least is None and summary.n == 1):
            return None
        return summary.interval()[0] > 0 if self.least is None else summary.mean >= self.least

    def row(self) -> Row:
        """Its line in the table."""
        summary = self.summary
        told = summary if summary and summary.n > 1 else None
        return {
            "quantity": self.title,
            "worlds": len(self.values),
            "mean": summary.mean if summary else None,
            "95% interval": "{:.1f} to {:.1f}".format(*told.interval()) if told else None,
            "spread": told.deviation if told else None,
            "asked": "interval above 0" if self.least is None else f"mean at least {self.least}",
            "worlds where it is": sum(v > 0 if self.least is None else v >= self.least for v in self.values),
            "met": _word(self.met),
        }


class Study:
    """The records of a reproduction, by what they measure, and what its jobs kept for every image.

    Raises:
        InputError: they are of several training sets, whose figures are not to be mixed.
    """

    def __init__(self, results: Results, runs: Path) -> None:
        sets = sorted({job.tags["set"] for job in results.jobs if job.figure} - {NO_SET})
        if len(sets) > 1:
            raise InputError(
                f"The plan has figures of several training sets ({', '.join(sets)}), expected one: run the study with "
                "a profile that has one."
            )
        self._results, self._runs = results, runs
        self._measured: dict[tuple[str, str, int], Record] = {
            (job.tags["method"], job.tags["evaluation"], int(job.tags["seed"])): record
            for job, record in results.done
            if job.figure
        }
        self._columns = list(results.columns.values())
        self._claims = results.claims
        self._seconds = [(_kind(job), record.cost.seconds) for job, record in results.done]
        self.title_of = results.title_of
        self.methods = list(dict.fromkeys(method for method, _, _ in self._measured))
        self.worlds = sorted({world for _, _, world in self._measured})

    def metric(self, method: str, evaluation: str, name: str, world: int) -> Metric | None:
        """A figure; None where it was not measured."""
        record = self._measured.get((method, evaluation, world))
        return None if record is None else record.metrics.get(name)

    def value(self, method: str, evaluation: str, name: str, world: int) -> float | None:
        """The same without what belongs to it."""
        metric = self.metric(method, evaluation, name, world)
        return None if metric is None else metric.value

    def pairs(self, other: str, evaluation: str, name: str) -> list[tuple[int, Pair]]:
        """MoPro's figure and that of another method, of each world that has both."""
        found = []
        for world in self.worlds:
            mine, theirs = (self.metric(method, evaluation, name, world) for method in (METHOD, other))
            if mine is not None and theirs is not None:
                found.append((world, (mine, theirs)))
        return found

    def leads(self, over: str, evaluation: str, name: str) -> list[float]:
        """Points by which MoPro's figure is higher than that of another method, by world."""
        return [_lead(pair) for _, pair in self.pairs(over, evaluation, name)]

    def labels(self, world: int) -> tuple[int, int] | None:
        """How many wrong labels cleaning made right, and how many right ones it changed or dropped."""
        corrected = self.metric(METHOD, "cleaning", "noise_corrected", world)
        kept = self.metric(METHOD, "cleaning", "clean_kept", world)
        return None if corrected is None or kept is None else (_count(corrected), kept.n - _count(kept))

    def curves(self) -> dict[int, Curve]:
        """Cross-entropy's clean accuracies, by world; only of those where it was watched."""
        watched = {world: self._measured.get((BASELINE, "memorisation", world)) for world in self.worlds}
        said = {world: record.provenance["clean_accuracies"] for world, record in watched.items() if record}
        return {world: {int(epoch): value for epoch, value in curve.items()} for world, curve in said.items()}

    def curve(self) -> list[Row]:
        """One row for each epoch."""
        return [{"epoch": epoch, "clean top-1": value} for epoch, value in mean_curve(self.curves().values()).items()]

    def parts(self) -> list[Part]:
        """What the criteria rest on."""

        def over_worlds(quantity: Callable[[int], float | None]) -> list[float]:
            return _there(quantity(world) for world in self.worlds)

        memorises, learned = "(a) cross-entropy memorises", "(b) correction starts when the classifier has learned"
        above, cleans = "(c) MoPro is above both", "(d) cleaning corrects more labels than it spoils"
        reproduced = partial(self.value, BASELINE, "memorisation", "wrong_reproduced")
        before = partial(self.value, METHOD, "memorisation", "clean_top1_before_correction")
        return [
            Part(memorises, "(a) wrong labels that CE reproduces (%)", over_worlds(reproduced), HALF),
            Part(
                memorises,
                "(a) CE's fall from the epoch best in the other worlds (points)",
                list(falls(self.curves()).values()),
            ),
            Part(
                learned,
                "(b) clean top-1 before correction (%; three times chance is asked)",
                over_worlds(before),
                THREE_TIMES_CHANCE,
            ),
            Part(above, "(c) MoPro's lead over CE on the strong view (points)", self.leads(FAIR_BASELINE, *IMAGENET)),
            Part(above, "(c) over MoPro without correction (points)", self.leads(WITHOUT_CORRECTION, *IMAGENET)),
            Part(
                cleans,
                "(d) labels corrected less those spoiled",
                over_worlds(lambda world: _surplus(self.labels(world))),
            ),
        ]

    def verdicts(self) -> list[Row]:
        """One row for each criterion: it is met where all its parts are, and not met where one is not."""
        of_criterion: dict[str, list[bool | None]] = {}
        for part in self.parts():
            of_criterion.setdefault(part.criterion, []).append(part.met)
        return [
            {"criterion": criterion, "met": _word(False if False in met else None if None in met else True)}
            for criterion, met in of_criterion.items()
        ]

    def criteria(self) -> list[Row]:
        """One row for each world."""
        rows = []
        fall_of = falls(self.curves())
        for world in self.worlds:
            corrected, spoiled = self.labels(world) or (None, None)
            mine, fair, uncorrected = (
                self.value(method, *IMAGENET, world) for method in (METHOD, FAIR_BASELINE, WITHOUT_CORRECTION)
            )
            row: Row = {
                "world": world,
                "(a) wrong labels reproduced by CE (%)": self.value(
                    BASELINE, "memorisation", "wrong_reproduced", world
                ),
                "CE's fall (points)": fall_of.get(world),
                "by MoPro (%)": self.value(METHOD, "memorisation", "wrong_reproduced", world),
                "(b) clean top-1 before correction (%)": self.value(
                    METHOD, "memorisation", "clean_top1_before_correction", world
                ),
                "(c) lead over CE on the strong view": _difference(mine, fair),
                "over no correction": _difference(mine, uncorrected),
                "(d) labels corrected": corrected,
                "spoiled or dropped": spoiled,
            }
            rows.append(row)
        return rows

    def figures(self) -> list[Row]:
        """For each figure and method: mean over worlds and its spread, and MoPro's lead over it."""
        rows = []
        for column in self._columns:
            for method in self.methods:
                mine = _there(self.value(method, column.evaluation, column.metric, world) for world in self.worlds)
                if not mine:
                    continue
                leads = [] if method == METHOD else self.leads(method, column.evaluation, column.metric)
                row: Row = {
                    "figure": column.title,
                    "method": self.title_of(method),
                    "worlds": len(mine),
                    "mean": statistics.fmean(mine),
                    "spread between worlds": _spread(mine),
                    "MoPro's lead": statistics.fmean(leads) if leads else None,
                    "its spread": _spread(leads),
                }
                rows.append(row)
        return rows

    def sampling(self) -> list[Row]:
        """For each lead over cross-entropy: its spread between worlds, and how much of it is sampling's."""
        return [
            row
            for column in self._columns
            for other in (BASELINE, FAIR_BASELINE)
            if (row := self._sampling(column.title, other, [(column.evaluation, column.metric)]))
        ]

    def sampling_of_claims(self) -> list[Row]:
        """The same of the means that claims are about."""
        return [
            row
            for claim, figures in (self._claims.primary.items() if self._claims else ())
            for other in (BASELINE, FAIR_BASELINE)
            if (row := self._sampling(claim, other, [_figure(named) for named in figures]))
        ]

    @cached_property
    def _over_images(self) -> dict[tuple[str, Figure], dict[int, float]]:
        """The deviation that sampling of images gives to MoPro's lead over another method, by figure and world."""
        found: dict[tuple[str, Figure], dict[int, float]] = {}
        for other in (BASELINE, FAIR_BASELINE):
            for pair in paired(self._results, self._runs, METHOD, other):
                if pair.deviation is not None:
                    found.setdefault((other, pair.key), {})[int(pair.seed)] = pair.deviation
        return found

    def _sampling(self, title: str, other: str, figures: Sequence[Figure]) -> Row | None:
        """Of MoPro's lead in the mean of some figures, in the worlds that have all of them; None of less than two.

        Samples are taken as independent between figures. Both fine-tunings of a world are evaluated on the same images,
        so that of their mean sampling can add up to 1.4 times what is said.
        """
        pairs_of = [dict(self.pairs(other, *figure)) for figure in figures]
        worlds = [world for world in self.worlds if all(world in pairs for pairs in pairs_of)]
        if len(worlds) < 2:
            return None
        spread = statistics.stdev(statistics.fmean(_lead(pairs[world]) for pairs in pairs_of) for world in worlds)
        of_figures = [
            sampling_of_a_difference(
                [pairs[world] for world in worlds],
                figure[1],
                [self._over_images.get((other, figure), {}).get(world) for world in worlds],
            )
            for pairs, figure in zip(pairs_of, figures, strict=True)
        ]
        known = _there(added for added, _ in of_figures)
        added = math.hypot(*known) / len(figures) if len(known) == len(figures) else None
        part = added / spread if added is not None and spread else None
        return {
            "MoPro's lead": title,
            "over": self.title_of(other),
            "worlds": len(worlds),
            "spread": spread,
            "sampling adds": added,
            "what is sampled": "; ".join(dict.fromkeys(what for _, what in of_figures)),
            "of the spread": None if part is None else f"{part:.0%}",
            "of the variance": None if part is None else f"{part**2:.0%}",
        }

    def costs(self) -> list[Row]:
        """Seconds of all jobs of a kind; each job has one core."""
        of_kind: dict[str, list[float]] = {}
        for kind, seconds in self._seconds:
            of_kind.setdefault(kind, []).append(seconds)
        of_kind["all"] = [seconds for _, seconds in self._seconds]
        return [{"jobs": kind, "number": len(each), "seconds": sum(each)} for kind, each in of_kind.items()]


def falls(curves: Mapping[int, Curve]) -> dict[int, float]:
    """Points by which each world's clean accuracy ends below that of the epoch that is best in the others' mean.

    The best epoch of the same readings would be a maximum of noise, and no fall from it could be negative. Without a
    fall the mean over worlds is 0 or less; but as worlds choose for one another, an interval that takes their falls as
    independent lies above 0 more often than it says (docs/miniature.md has how often).

    Args:
        curves: by world, all of the same epochs.

    Returns:
        The falls by world; nothing where there is one world alone.
    """
    found = {}
    for world, curve in curves.items():
        if others := mean_curve(other for name, other in curves.items() if name != world):
            found[world] = curve[max(others, key=lambda epoch: others[epoch])] - curve[max(curve)]
    return found


def mean_curve(curves: Iterable[Curve]) -> Curve:
    """The mean over worlds, epoch by epoch; empty without worlds."""
    curves = list(curves)
    return {epoch: statistics.fmean(curve[epoch] for curve in curves) for epoch in curves[0]} if curves else {}


def sampling_of_a_difference(
    pairs: Sequence[Pair], name: str, over_images: Sequence[float | None]
) -> tuple[float | None, str]:
    """The standard deviation, in points, that sampling gives to the difference of two methods' figures in one world.

    That of images is measured, where it is known in every world: over resamples of them, the same for both methods. If
    not, it is for shares of images the root of the sum of both binomial variances, which is the most that it can be
    where both see the same images and tend to fail on the same ones. Where a figure is a mean over draws of training
    images, the variances of both means over the draws are added, the most too, as both methods have the same draws.

    Args:
        pairs: both figures, by world, at least one; the variances are averaged over worlds.
        name: of the metric.
        over_images: the deviation of their difference over images, by world; None where it was not measured.

    Returns:
        The deviation, and what was sampled; None and ``not known`` where neither is known.
    """
    measured, figures = _there(over_images), [figure for pair in pairs for figure in pair]
    variances, sampled = list[float](), list[str]()
    if len(measured) == len(pairs):
        variances += [deviation**2 for deviation in measured]
        sampled.append("images")
    elif name in SHARES:
        variances += [figure.value * (100 - figure.value) / figure.n for figure in figures]
        sampled.append("images, at most")
    spreads = _there(figure.spread for figure in figures)
    if spreads and len(spreads) == len(figures):
        variances += [figure.spread**2 / figure.n for figure in figures if figure.spread is not None]
        sampled.append("draws, at most" if sampled else "draws alone, at most")
    if not sampled:
        return None, "not known"
    return math.sqrt(math.fsum(variances) / len(pairs)), " and ".join(sampled)


def missing(results: Results) -> list[Row]:
    """How many of a kind's jobs have no record, for each kind that lacks some."""
    planned = Counter(map(_kind, results.jobs))
    lacking = Counter(_kind(results.planned[name]) for name in results.missing)
    return [{"jobs": kind, "missing": number, "of": planned[kind]} for kind, number in lacking.items()]


def _kind(job: PlannedJob) -> str:
    return f"{job.kind} {job.tags['method']}" if job.kind == "pretrain" and "method" in job.tags else job.kind


def _word(met: bool | None) -> str:
    return UNTOLD if met is None else "yes" if met else "no"


def _lead(pair: Pair) -> float:
    mine, theirs = pair
    return mine.value - theirs.value


def _figure(named: str) -> Figure:
    evaluation, metric = named.split("/")
    return evaluation, metric


def _count(share: Metric) -> int:
    return round(share.value / 100 * share.n)


def _there(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _surplus(labels: tuple[int, int] | None) -> float | None:
    return None if labels is None else labels[0] - labels[1]


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


if __name__ == "__main__":
    sys.exit(exit_status_of(lambda: main(sys.argv[1:])))
