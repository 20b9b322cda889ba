"""WebVision's lists at the size of V2.0: memory, and what loader workers add to it.

``python -m benchmarks.lists`` measures 16 million lines (a minute or two, 2 GiB); ``python -m benchmarks`` times fewer,
and ``python -m benchmarks.growth`` shows how time and memory grow with their number.
The reference keeps a Python list of (path, label): each line costs objects, and every worker that looks at one writes
to its reference count, so that the page is copied.
"""

import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate
from torch.utils.data import DataLoader, Dataset

from benchmarks.inputs import CLASSES, write_lists
from benchmarks.measuring import Comparison, compare
from core.exit_status import exit_status_of
from data.images import ImageTable
from data.loading import Key, TrainingBatches, permutations
from data.sets.webvision.reader import TRAIN_LISTS, read_train

LINES = 16_000_000  # of WebVision V2.0
REFERENCE_LINES = 2_000_000  # all 16 million would need 25 GiB with 8 workers
TIMED_LINES = 500_000
WORKERS, READS_AT_ONCE = 8, 4096

Rows = Sequence[tuple[bytes, int]]


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
        root = Path(folder)
        write_lists(root, TIMED_LINES)
        table = read_train(root, CLASSES)
        assert list(zip(table.paths, table.labels.tolist(), strict=True)) == read_pairs(root)
        what = f"loading WebVision's lists, {TIMED_LINES} lines"
        reference = "a Python list of (path, label)"
        return compare(what, reference, lambda: read_pairs(root), lambda: read_train(root, CLASSES), rounds=5)


def read_pairs(root: Path) -> Rows:
    """The plain way."""
    rows = []
    for name in TRAIN_LISTS:
        with open(root / name, "rb") as file:
            for line in file:
                path, label = line.rsplit(maxsplit=1)
                rows.append((path, int(label)))
    return rows


def footprint(root: Path, lines: int, load: Callable[[Path], Dataset], workers: int) -> int:
    """Bytes of a fresh process and its workers together, after an epoch in the order of training."""
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
    rows = load(root)
    order = TrainingBatches(lines, READS_AT_ONCE, 1, permutations(lines, seed=0))
    context = "fork" if workers else None
    loader = DataLoader(rows, batch_sampler=order, num_workers=workers, multiprocessing_context=context, collate_fn=sum)
    batches = iter(loader)
    for _ in range(len(order)):
        next(batches)
    children = [str(process.pid) for process in multiprocessing.active_children()]
    assert len(children) == workers
    sender.send(sum(map(_proportional_set, ["self", *children])))


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
            root = Path(folder)
            write_lists(root, lines)
            alone, shared = (footprint(root, lines, load, workers) for workers in (0, WORKERS))
        rows.append(
            {
                "what": what,
                "lines": f"{lines:,}",
                "PSS after an epoch (GiB)": f"{alone / 2**30:.2f}",
                f"with {WORKERS} workers (GiB)": f"{shared / 2**30:.2f}",
                "added": f"{100 * (shared / alone - 1):.1f}%",
            }
        )
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status_of(main))
