"""``python -m benchmarks.regime runs/regime``: what a reproduction shows of the method's mechanism, world by world.

From records alone: what was learned by heart, when correction began, what cleaning made of the labels, and the figures
of every method, with the spread between worlds beside what sampling of images or draws adds to it.
"""

import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from core.errors import InputError
from results.definitions import METHOD_TITLES
from results.plan import Results, read_results
from results.schema import Metric

LEARNED = {
    "best_clean_top1": "best clean top-1",
    "best_epoch": "in epoch",
    "clean_top1": "at the end",
    "clean_top1_before_correction": "before correction",
    "wrong_reproduced": "wrong labels reproduced",
    "wrong_seen_through": "seen through",
}
CLEANED = {
    "noise_corrected": "wrong corrected",
    "clean_kept": "right kept",
    "out_of_distribution_dropped": "strangers dropped",
}
FIGURES = (
    ("accuracy-imagenet", "top1", "ImageNet top-1"),
    ("accuracy-webvision", "top1", "WebVision top-1"),
    ("lowshot-voc07", "k1", "VOC07 k=1"),
    ("lowshot-voc07", "k16", "VOC07 k=16"),
    ("lowshot-places205", "k1", "Places205 k=1"),
    ("lowshot-places205", "k16", "Places205 k=16"),
    ("finetune-5pct", "top1", "5% fine-tuning"),
    ("finetune-30pct", "top1", "30% fine-tuning"),
    ("robustness-imagenet-r", "accuracy", "ImageNet-R accuracy"),
    ("robustness-imagenet-r", "calibration_error_without_last_bin", "ImageNet-R calibration error"),
    ("robustness-imagenet-a", "accuracy", "ImageNet-A accuracy"),
    ("robustness-imagenet-a", "calibration_error_without_last_bin", "ImageNet-A calibration error"),
    ("detection-short", "box_ap", "box AP"),
    ("detection-short", "mask_ap", "mask AP"),
)
SHARES = ("top1", "accuracy")  # of images: sampling adds the deviation of a binomial share

Row = dict[str, object]


def main(arguments: Sequence[str]) -> int:
    """Print the tables as Markdown; gives the exit status."""
    if len(arguments) != 1:
        print("error: give the folder of a reproduction, such as runs/regime.", file=sys.stderr)
        return 2
    try:
        results = read_results(Path(arguments[0]))
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2
    for title, rows in (
        ("What was learned by heart (%)", memorisation(results)),
        ("What cleaning made of the labels", cleaning(results)),
        ("Figures of every world (%)", figures(results)),
        ("Between worlds", differences(results)),
        ("Core-seconds", costs(results)),
    ):
        print(f"### {title}\n\n{tabulate(rows, headers='keys', tablefmt='github', floatfmt='.1f')}\n")
    return 0


def memorisation(results: Results) -> list[Row]:
    """One row for each watched run."""
    return [
        {"world": record.seed, "method": _title(record.tags["method"])}
        | {title: record.metrics[name].value for name, title in LEARNED.items() if name in record.metrics}
        for record in results.records.values()
        if record.tags.get("evaluation") == "memorisation"
    ]


def cleaning(results: Results) -> list[Row]:
    """One row for each run that was cleaned: shares in percent, and how many labels became right and wrong."""
    rows = []
    for record in results.records.values():
        if record.tags.get("evaluation") == "cleaning" and CLEANED.keys() <= record.metrics.keys():
            row: Row = {"world": record.seed, "method": _title(record.tags["method"])}
            row |= {f"{title} (%)": record.metrics[name].value for name, title in CLEANED.items()}
            corrected, kept = record.metrics["noise_corrected"], record.metrics["clean_kept"]
            row |= {"labels corrected": _count(corrected), "labels spoiled or dropped": kept.n - _count(kept)}
            rows.append(row)
    return rows


def figures(results: Results) -> list[Row]:
    """One row for each figure and world, a column for each method."""
    rows = []
    for evaluation, metric, title in FIGURES:
        for world in _worlds(results):
            found = _of_methods(results, evaluation, metric, world)
            if found:
                rows.append({"figure": title, "world": world} | {_title(name): it.value for name, it in found.items()})
    return rows


def differences(results: Results) -> list[Row]:
    """For each figure and method: the mean over worlds, its spread, the part of sampling, and MoPro's lead over it."""
    rows = []
    for evaluation, metric, title in FIGURES:
        by_world = [_of_methods(results, evaluation, metric, world) for world in _worlds(results)]
        for method in dict.fromkeys(name for found in by_world for name in found):
            mine = [found[method] for found in by_world if method in found]
            leads = [
                found["mopro"].value - found[method].value for found in by_world if {"mopro", method} <= set(found)
            ]
            rows.append(
                {
                    "figure": title,
                    "method": _title(method),
                    "worlds": len(mine),
                    "mean": statistics.fmean(it.value for it in mine),
                    "spread": _spread([it.value for it in mine]),
                    "of that, sampling": _sampling(mine, metric),
                    "MoPro's lead": statistics.fmean(leads) if leads and method != "mopro" else None,
                    "its spread": _spread(leads) if method != "mopro" else None,
                }
            )
    return rows


def costs(results: Results) -> list[Row]:
    """Seconds of all jobs of a kind; each job has one core."""
    seconds: dict[str, list[float]] = {}
    for record in results.records.values():
        kind = record.name.split("/")[0]
        kind = f"pretrain {record.tags['method']}" if kind == "pretrain" else kind
        seconds.setdefault(kind, []).append(record.cost.seconds)
    seconds["all"] = [record.cost.seconds for record in results.records.values()]
    return [{"jobs": kind, "number": len(each), "seconds": sum(each)} for kind, each in seconds.items()]


def _worlds(results: Results) -> list[int]:
    return sorted({record.seed for record in results.records.values() if record.seed is not None})


def _of_methods(results: Results, evaluation: str, metric: str, world: int) -> dict[str, Metric]:
    """A figure of one world, by method."""
    return {
        record.tags["method"]: record.metrics[metric]
        for record in results.records.values()
        if (record.tags.get("evaluation"), record.seed) == (evaluation, world) and metric in record.metrics
    }


def _count(share: Metric) -> int:
    return round(share.value / 100 * share.n)


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _sampling(mine: Sequence[Metric], metric: str) -> float | None:
    """The deviation, in points, that images or draws add to one world's figure; None where it is not known."""
    if metric in SHARES:
        of_world = [it.value * (100 - it.value) / it.n for it in mine]
    else:
        of_world = [it.spread**2 / it.n for it in mine if it.spread is not None]
    return math.sqrt(statistics.fmean(of_world)) if of_world else None


def _title(method: str) -> str:
    return METHOD_TITLES.get(method, method)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
