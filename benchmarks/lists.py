"""WebVision's lists at the size of V2.0: time to load, memory, and what loader workers add to it.

``python -m benchmarks.lists`` measures 16 million lines (a minute or two, 2 GiB); ``python -m benchmarks`` times fewer.
The reference keeps a Python list of (path, label): each line costs objects, and every worker that looks at one writes
to its reference count, so that the page is copied.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate
from torch.utils.data import DataLoader, Dataset

from benchmarks.measuring import Comparison, compare
from core.exit_status import exit_status_of
from core.seeds import generator
from data.images import ImageTable
from data.loading import Key, TrainingBatches, permutations
from data.sets.webvision.reader import TRAIN_LISTS, read_train

LINES, CLASSES = 16_000_000, 5000  # of WebVision V2.0
REFERENCE_LINES = 2_000_000  # all 16 million would need 25 GiB with 8 workers
TIMED_LINES = 500_000
WORKERS, READS_AT_ONCE = 8, 4096

Rows = Sequence[tuple[bytes, int]]


@dataclass(frozen=True)
class Footprint:
    """What a table of images costs.

    Attributes:
        seconds: to load it.
        peak: resident set of the loading process at its largest, bytes.
        proportional: set of the process and its workers together, bytes, when every row was read.
    """

    seconds: float
    peak: int
    proportional: int


class RowsOfTable(Dataset):
    """Reads path and label of a row as training does, without the image."""

    def __init__(self, images: ImageTable) -> None:
        self.images = images

    def __getitem__(self, key: Key) -> int:
        _, row = key
        return len(self.images.paths[row]) + int(self.images.labels[row])


class RowsOfList(Dataset):
    """The same for a list of pairs."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __getitem__(self, key: Key) -> int:
        path, label = self.rows[key[1]]
        return len(path) + label


def measure() -> Comparison:
    """The time to load a list both ways; both must hold the same before they are timed.

    Raises:
        AssertionError: they do not.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = write_lists(Path(folder), TIMED_LINES)
        table = read_train(root, CLASSES)
        assert list(zip(table.paths, table.labels.tolist(), strict=True)) == read_pairs(root)
        what = f"loading WebVision's lists, {TIMED_LINES} lines"
        reference = "a Python list of (path, label)"
        return compare(what, reference, lambda: read_pairs(root), lambda: read_train(root, CLASSES), rounds=5)


def write_lists(root: Path, lines: int) -> Path:
    """Lists with V2.0's form of paths and number of classes; a third is Google's. Gives the root."""
    (root / "info").mkdir(parents=True)
    rng = generator(0, "lists")
    for name, count in zip(TRAIN_LISTS, (lines // 3, lines - lines // 3), strict=True):
        source = name.split("_")[-1].removesuffix(".txt")
        with open(root / name, "wb") as file:
            for first in range(0, count, 1 << 18):
                labels = rng.integers(CLASSES, size=min(1 << 18, count - first)).tolist()
                numbers = rng.integers(1 << 62, size=len(labels)).tolist()
                file.writelines(
                    b"%s/q%05d/%016x.jpg %d\n" % (source.encode(), label, number, label)
                    for label, number in zip(labels, numbers, strict=True)
                )
    return root


def read_pairs(root: Path) -> Rows:
    """The plain way."""
    rows = []
    for name in TRAIN_LISTS:
        with open(root / name, "rb") as file:
            for line in file:
                path, label = line.rsplit(maxsplit=1)
                rows.append((path, int(label)))
    return rows


def footprint(root: Path, lines: int, load: Callable[[Path], Dataset], workers: int) -> Footprint:
    """Measured in a fresh process, over an epoch in the order of training."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_footprint, args=(root, lines, load, workers, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def load_table(root: Path) -> Dataset:
    """Ours."""
    return RowsOfTable(read_train(root, CLASSES))


def load_pairs(root: Path) -> Dataset:
    """The reference."""
    return RowsOfList(read_pairs(root))


def _measure_footprint(root: Path, lines: int, load: Callable[[Path], Dataset], workers: int, sender: Any) -> None:
    began = time.monotonic()
    rows = load(root)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    order = TrainingBatches(lines, READS_AT_ONCE, 1, permutations(lines, seed=0))
    context = "fork" if workers else None
    loader = DataLoader(rows, batch_sampler=order, num_workers=workers, multiprocessing_context=context, collate_fn=sum)
    batches = iter(loader)
    for _ in range(len(order)):
        next(batches)
    children = [str(process.pid) for process in multiprocessing.active_children()]
    assert len(children) == workers
    sender.send(Footprint(seconds, peak, sum(map(_proportional_set, ["self", *children]))))


def _proportional_set(process: str) -> int:
    """Memory of a process in bytes, in which a page that n processes share counts 1/n."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("the kernel reports no proportional set")


def main() -> int:
    """Gives the exit status."""
    rows = []
    for what, lines, load in (
        ("a Python list of (path, label)", REFERENCE_LINES, load_pairs),
        ("data.images.ImageTable", LINES, load_table),
    ):
        with tempfile.TemporaryDirectory() as folder:
            root = write_lists(Path(folder), lines)
            alone, shared = (footprint(root, lines, load, workers) for workers in (0, WORKERS))
        rows.append(
            {
                "what": what,
                "lines": f"{lines:,}",
                "load (s)": f"{alone.seconds:.1f}",
                "peak RSS (GiB)": f"{alone.peak / 2**30:.2f}",
                "PSS after an epoch (GiB)": f"{alone.proportional / 2**30:.2f}",
                f"with {WORKERS} workers (GiB)": f"{shared.proportional / 2**30:.2f}",
                "added": f"{100 * (shared.proportional / alone.proportional - 1):.1f}%",
            }
        )
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
