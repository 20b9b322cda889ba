"""``python -m benchmarks``: measure everything and print one table."""

import contextlib
import io
import platform
import sys
from datetime import UTC, datetime

import torch
from tabulate import tabulate

from benchmarks import detection, lists, lowshot, prototypes


def main() -> int:
    """Gives the exit status."""
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        measures = (
            prototypes.measure,
            lowshot.measure,
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
