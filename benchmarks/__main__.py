"""``python -m benchmarks``: measure what has a reference, and print one table.

What takes minutes, or has no reference, prints a table of its own: ``python -m benchmarks.step``, ``.lists``,
``.commands``, ``.throughput``.
"""

import contextlib
import io
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import torch
from tabulate import tabulate

from benchmarks import detection, images, lists, lowshot, metrics, prototypes, step
from benchmarks.measuring import Comparison


def main() -> int:
    """Gives the exit status."""
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        measures: tuple[Callable[[], Comparison], ...] = (
            step.measure,
            prototypes.measure,
            *(partial(images.measure_training, size) for size in images.SIZES),
            *(partial(images.measure_evaluation, size) for size in images.SIZES),
            lowshot.measure,
            metrics.measure_average_precision,
            metrics.measure_calibration,
            lists.measure,
            detection.measure_scoring,
            detection.measure_pooling,
        )
        comparisons = [measure() for measure in measures]
    rows = [
        {
            "what": comparison.what,
            "reference": comparison.reference,
            "reference (ms)": f"{1000 * comparison.reference_seconds:.3g}",
            "ours (ms)": f"{1000 * comparison.our_seconds:.3g}",
            "reference / ours": f"{comparison.ratio:.1f}",
        }
        for comparison in comparisons
    ]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, one thread, torch {torch.__version__}\n")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
