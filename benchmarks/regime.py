"""``python -m benchmarks.regime runs/regime``: what a reproduction shows of the method's mechanism, world by world.

From plan and records alone: the criteria by which the miniature's constants were chosen (docs/miniature.md), what each
part of the method is worth, and the spread between worlds beside what sampling of images or draws adds to it.
"""

import math
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from tabulate import tabulate

from core.errors import InputError
from results.definitions import METHOD_TITLES, TABLES
from results.plan import Results, read_results
from results.schema import Metric, Record

METHOD, BASELINE, FAIR_BASELINE, WITHOUT_CORRECTION = "mopro", "ce", "ce-strong-view", "no-correction"
IMAGENET = ("accuracy-imagenet", "top1")
AT_LEAST_REPRODUCED = 50  # % of the wrong labels, of criterion (a)
CHANCE = 10  # %, of ten classes
COLUMNS = [column for table in TABLES for column in table.columns]
SHARES = ("top1", "top5", "accuracy")  # of images: sampling adds the deviation of a binomial share

Row = dict[str, object]


def main(arguments: Sequence[str]) -> int:
    """Print the tables as Markdown; gives the exit status."""
    if len(arguments) != 1:
        print("error: give the folder of a reproduction, such as runs/regime.", file=sys.stderr)
        return 2
    try:
        study = Study(read_results(Path(arguments[0])))
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2
    for title, rows in (
        ("Criteria, over the worlds", study.verdicts()),
        ("Criteria, world by world", study.criteria()),
        ("Cross-entropy's clean accuracy after each epoch, mean over the worlds (%)", study.curve()),
        ("What each part is worth: figures, and MoPro's lead over each method (points)", study.figures()),
        ("Core-seconds", study.costs()),
    ):
        print(f"### {title}\n\n{tabulate(rows, headers='keys', tablefmt='github', floatfmt='.1f')}\n")
    return 0


class Study:
    """The records of a reproduction, by what they measure."""

    def __init__(self, results: Results) -> None:
        self._seconds = [(job.kind, job.tags.get("method", ""), record.cost.seconds) for job, record in results.done]
        self._measured: dict[tuple[str, str, int], Record] = {
            (job.tags["method"], job.tags["evaluation"], int(job.tags["seed"])): record
            for job, record in results.done
            if job.figure
        }
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

    def lead(self, over: str, evaluation: str, name: str, world: int) -> float | None:
        """Points by which MoPro's figure is higher than that of another method."""
        return _difference(*(self.value(method, evaluation, name, world) for method in (METHOD, over)))

    def labels(self, world: int) -> tuple[int, int] | None:
        """How many wrong labels cleaning made right, and how many right ones it changed or dropped."""
        corrected = self.metric(METHOD, "cleaning", "noise_corrected", world)
        kept = self.metric(METHOD, "cleaning", "clean_kept", world)
        return None if corrected is None or kept is None else (_count(corrected), kept.n - _count(kept))

    def accuracies(self, world: int) -> dict[int, float]:
        """Cross-entropy's clean accuracy by the number of finished epochs."""
        record = self._measured.get((BASELINE, "memorisation", world))
        said = {} if record is None else record.provenance["clean_accuracies"]
        return {int(epoch): accuracy for epoch, accuracy in said.items()}

    def mean_curve(self) -> dict[int, float]:
        """The same, mean over the worlds."""
        curves = [curve for world in self.worlds if (curve := self.accuracies(world))]
        return {epoch: statistics.fmean(curve[epoch] for curve in curves) for epoch in curves[0]} if curves else {}

    def common_best(self) -> int | None:
        """The epoch whose mean is highest; the best of a single world would be a maximum of noise."""
        curve = self.mean_curve()
        return max(curve, key=lambda epoch: curve[epoch], default=None)

    def fall(self, world: int) -> float | None:
        """Points by which cross-entropy's clean accuracy ends below that of the common best epoch."""
        curve, best = self.accuracies(world), self.common_best()
        return curve[best] - curve[max(curve)] if curve and best is not None else None

    def curve(self) -> list[Row]:
        """One row for each epoch."""
        return [{"epoch": epoch, "clean top-1": value} for epoch, value in self.mean_curve().items()]

    def criteria(self) -> list[Row]:
        """One row for each world."""
        rows = []
        for world in self.worlds:
            corrected, spoiled = self.labels(world) or (None, None)
            row: Row = {
                "world": world,
                "(a) wrong labels reproduced by CE (%)": self.value(
                    BASELINE, "memorisation", "wrong_reproduced", world
                ),
                "CE's fall (points)": self.fall(world),
                "by MoPro (%)": self.value(METHOD, "memorisation", "wrong_reproduced", world),
                "(b) clean top-1 before correction (%)": self.value(
                    METHOD, "memorisation", "clean_top1_before_correction", world
                ),
                "(c) lead over CE on the strong view": self.lead(FAIR_BASELINE, *IMAGENET, world),
                "over no correction": self.lead(WITHOUT_CORRECTION, *IMAGENET, world),
                "(d) labels corrected": corrected,
                "spoiled or dropped": spoiled,
            }
            rows.append(row)
        return rows

    def verdicts(self) -> list[Row]:
        """One row for each criterion: mean and spread over the worlds, and in how many of them it is met."""
        quantities: list[tuple[str, Callable[[int], float | None], float]] = [
            (
                "(a) wrong labels that CE reproduces (%)",
                partial(self.value, BASELINE, "memorisation", "wrong_reproduced"),
                AT_LEAST_REPRODUCED,
            ),
            (f"(a) CE's fall after epoch {self.common_best()} (points)", self.fall, 0),
            (
                "(b) clean top-1 before correction (%)",
                partial(self.value, METHOD, "memorisation", "clean_top1_before_correction"),
                CHANCE,
            ),
            ("(c) MoPro's lead over CE on the strong view (points)", partial(self.lead, FAIR_BASELINE, *IMAGENET), 0),
            ("(c) over MoPro without correction (points)", partial(self.lead, WITHOUT_CORRECTION, *IMAGENET), 0),
            ("(d) labels corrected less those spoiled", lambda world: _surplus(self.labels(world)), 0),
        ]
        rows = []
        for title, quantity, least in quantities:
            found = _there(quantity(world) for world in self.worlds)
            met = f"{sum(value > least for value in found)} of {len(found)}"
            row: Row = {"criterion": title, "mean": _mean(found), "spread": _spread(found), "must exceed": least}
            rows.append(row | {"worlds in which it does": met})
        return rows

    def figures(self) -> list[Row]:
        """For each figure and method: mean over worlds, its spread, the part of sampling, and MoPro's lead over it."""
        rows = []
        for column in COLUMNS:
            for method in self.methods:
                measured = [self.metric(method, column.evaluation, column.metric, world) for world in self.worlds]
                mine = [metric for metric in measured if metric is not None]
                if not mine:
                    continue
                leads = _there(self.lead(method, column.evaluation, column.metric, world) for world in self.worlds)
                is_other = method != METHOD
                spread, sampling = _spread([metric.value for metric in mine]), _sampling(mine, column.metric)
                row: Row = {
                    "figure": column.title,
                    "method": METHOD_TITLES.get(method, method),
                    "worlds": len(mine),
                    "mean": statistics.fmean(metric.value for metric in mine),
                    "spread between worlds": spread,
                    "sampling alone": sampling,
                    "its part": f"{sampling / spread:.0%}" if spread and sampling is not None else None,
                    "MoPro's lead": _mean(leads) if is_other else None,
                    "its spread": _spread(leads) if is_other else None,
                }
                rows.append(row)
        return rows

    def costs(self) -> list[Row]:
        """Seconds of all jobs of a kind; each job has one core."""
        of_kind: dict[str, list[float]] = {}
        for kind, method, seconds in self._seconds:
            of_kind.setdefault(f"{kind} {method}" if kind == "pretrain" else kind, []).append(seconds)
        of_kind["all"] = [seconds for _, _, seconds in self._seconds]
        return [{"jobs": kind, "number": len(each), "seconds": sum(each)} for kind, each in of_kind.items()]


def _count(share: Metric) -> int:
    return round(share.value / 100 * share.n)


def _there(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _surplus(labels: tuple[int, int] | None) -> float | None:
    return None if labels is None else labels[0] - labels[1]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _sampling(mine: Sequence[Metric], metric: str) -> float | None:
    """The deviation, in points, that images or draws add to one world's figure; None where it is not known."""
    if metric in SHARES:
        of_world = [it.value * (100 - it.value) / it.n for it in mine]
    else:
        of_world = [it.spread**2 / it.n for it in mine if it.spread is not None]
    return math.sqrt(statistics.fmean(of_world)) if of_world else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
