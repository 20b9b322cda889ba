"""``python -m benchmarks``: measure what this machine can, and print it (20 minutes).

What needs a GPU or gigabytes has a command of its own: ``python -m benchmarks.gpu``, ``.throughput``, ``.lists``,
``.growth``. So has what is no speed: ``.familywise``, how often the rules for claims say something false.
"""

import argparse
import contextlib
import io
import platform
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import torch
from tabulate import tabulate

from benchmarks import commands, damage, detection, images, lists, lowshot, metrics, prototypes, step
from benchmarks.measuring import Comparison, spread
from core.exit_status import exit_status_of


def main() -> int:
    """Gives the exit status."""
    argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        measures: tuple[Callable[[], Comparison], ...] = (
            step.measure,
            prototypes.measure,
            *(partial(images.measure_training, size) for size in images.SIZES),
            partial(images.measure_workers, images.SIZES[0]),
            *(partial(images.measure_evaluation, size) for size in images.SIZES),
            lowshot.measure,
            lowshot.measure_side_by_side,
            metrics.measure_average_precision,
            metrics.measure_calibration,
            lists.measure,
            detection.measure_scoring,
            detection.measure_pooling,
        )
        comparisons = [measure() for measure in measures]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, one thread, torch {torch.__version__}\n")
    print(tabulate([_row(comparison) for comparison in comparisons], headers="keys", tablefmt="github"), flush=True)
    print(f"\nTwo views of one JPEG of {' x '.join(map(str, images.SIZES[0]))}, on one core:\n")
    print(tabulate(images.where_time_goes(images.SIZES[0]), headers="keys", tablefmt="github"), flush=True)
    for other in (damage, step, commands):
        print()
        other.main()
    return 0


def _row(comparison: Comparison) -> dict[str, str]:
    return {
        "what": comparison.what,
        "reference": comparison.reference,
        "reference (ms)": f"{1000 * comparison.reference_seconds:.3g}",
        "ours (ms)": f"{1000 * comparison.our_seconds:.3g}",
        "reference / ours": f"{statistics.median(comparison.ratios):.1f}",
        "lowest to highest": spread(comparison.ratios, 1),
        "goal": f"{comparison.goal:g}" if comparison.goal else "",
    }


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
