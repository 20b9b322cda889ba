"""How time and memory grow with the size of what is read, planned and shown; the goal is: at most linearly.

``python -m benchmarks.growth`` (a quarter of an hour, 2 GB below the folder for temporary files) does everything at
five sizes, each twice the one before it, in a fresh process each. It prints CPU seconds and peak memory, and the
exponents of the last doubling over what a process costs whose input is next to nothing; ``docs/growth.svg`` shows them.
"""

import argparse
import contextlib
import io
import math
import multiprocessing
import os
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.inputs import CLASSES, many_methods, many_seeds, write_lists, write_reproduction, write_shards
from core.exit_status import exit_status_of
from core.files import write_json, write_text
from data.sets.webvision.reader import read_train
from data.shards import open_shards
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile

DOUBLINGS = 4
ROUNDS = 3
MOST_STEPS = 10**9
MOST = 1.1  # the exponent of what is linear but for noise
PICTURE = Path(__file__).resolve().parent.parent / "docs/growth.svg"
PROFILE, RUNS = "profile.yaml", "runs"  # below a subject's folder


@dataclass(frozen=True)
class Subject:
    """Something whose input grows.

    Attributes:
        title: what is done.
        unit: what is counted, and shown as the size.
        steps: up to how many what makes the input grow goes: lines, seeds, methods.
        write: makes an input of so many steps in an empty folder; gives its size.
        run: does it, with what is in the folder.
    """

    title: str
    unit: str
    steps: int
    write: Callable[[Path, int], int]
    run: Callable[[Path], None]


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU seconds, and bytes of memory at its peak."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Growth:
    """What was measured of a subject.

    Attributes:
        subject: which one.
        sizes: in its unit; the first is next to nothing.
        costs: at these sizes.
    """

    subject: Subject
    sizes: Sequence[int]
    costs: Sequence[Cost]

    @property
    def seconds(self) -> list[float]:
        """Of CPU, at every size."""
        return [cost.seconds for cost in self.costs]

    @property
    def memory(self) -> list[float]:
        """In MiB, at every size."""
        return [cost.memory / 2**20 for cost in self.costs]


def slope(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The slope between the last two points, over the first one, where both axes are logarithmic.

    A cost of ``start + rate * size`` has the slope 1, whatever the start. NaN for fewer than three points, or where the
    cost of the last two does not lie above that of the first.

    Args:
        sizes, costs: of the points, the smallest first.
    """
    if len(sizes) < 3:
        return math.nan
    above = [(size - sizes[0], cost - costs[0]) for size, cost in zip(sizes, costs, strict=True)]
    (size_before, cost_before), (size, cost) = above[-2:]
    if min(cost_before, cost) <= 0:
        return math.nan
    return math.log(cost / cost_before) / math.log(size / size_before)


def main(arguments: Sequence[str]) -> int:
    """Print the table and write the picture; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", metavar="WORD", help="what has this in its title, such as shards")
    parser.add_argument(
        "--steps", type=int, default=MOST_STEPS, metavar="N", help="no more of any subject, to try the command"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="at every size (default: %(default)s)")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help=f"(default: {PICTURE}, of all subjects at full size)"
    )
    given = parser.parse_args(arguments)
    subjects = [subject for subject in SUBJECTS if given.only in subject.title]
    if not subjects:
        parser.error(f"no subject has {given.only!r} in its title, which are: {', '.join(it.title for it in SUBJECTS)}")
    if min(given.steps, given.rounds) < 1:
        parser.error("--steps and --rounds are at least 1")
    is_whole = subjects == list(SUBJECTS) and given.steps >= MOST_STEPS
    measured = [measure(subject, min(subject.steps, given.steps), given.rounds) for subject in subjects]
    print(tabulate([row(it) for it in measured], headers="keys", tablefmt="github", disable_numparse=True))
    if given.picture or is_whole:
        write_text(given.picture or PICTURE, picture(measured))
    return 0


def measure(subject: Subject, steps: int, rounds: int) -> Growth:
    """All sizes up to one, from next to nothing on, in turn; of all rounds the least, which others disturbed least."""
    wanted = dict.fromkeys((1, *(max(1, steps >> halvings) for halvings in reversed(range(DOUBLINGS + 1)))))
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in wanted]
        for place in places:
            place.mkdir()
        sizes = [subject.write(place, number) for place, number in zip(places, wanted, strict=True)]
        costs = [[cost_of(subject.run, place) for place in places] for _ in range(rounds)]
    return Growth(subject, sizes, [least(of_size) for of_size in zip(*costs, strict=True)])


def least(costs: Sequence[Cost]) -> Cost:
    """Of each kind the least."""
    return Cost(min(cost.seconds for cost in costs), min(cost.memory for cost in costs))


def cost_of(run: Callable[[Path], None], folder: Path) -> Cost:
    """Of a process of its own, imports included."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_cost_so_far_after, run, folder).result()


def _cost_so_far_after(run: Callable[[Path], None], folder: Path) -> Cost:
    warnings.simplefilter("ignore")  # such as Matplotlib's of legends of fifty methods
    with contextlib.redirect_stdout(io.StringIO()):
        run(folder)
    return Cost(time.process_time(), _peak_of_this_process())


def _peak_of_this_process() -> int:
    """Resident set at its largest, bytes; what ``getrusage`` gives begins with the set of the process that forked."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("the kernel reports no peak")


def _write_lists(folder: Path, thousands: int) -> int:
    write_lists(folder, lines := 1000 * thousands)
    return lines


def _read_lists(folder: Path) -> None:
    read_train(folder, CLASSES)


def _write_shards(folder: Path, members: int) -> int:
    write_shards(folder, members)
    return members


def _index_shards(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # where no index lies yet
        open_shards(folder)


def _write_profile(values: dict[str, Any], folder: Path) -> Profile:
    write_json(folder / PROFILE, values)
    return load_profile(str(folder / PROFILE))


def _write_jobs(values: Callable[[int], dict[str, Any]], folder: Path, steps: int) -> int:
    """A profile of so many seeds or methods; gives the number of its jobs."""
    return len(jobs_of(_write_profile(values(steps), folder)))


def _plan(folder: Path) -> None:
    profile = load_profile(str(folder / PROFILE))
    write_plan(jobs_of(profile), profile.model_dump(mode="json"), profile.tables, folder / RUNS)


def _status(folder: Path) -> None:
    _command("run_all", "status", "--profile", str(folder / PROFILE), "--runs", str(folder / RUNS))


def _write_records(values: Callable[[int], dict[str, Any]], folder: Path, steps: int) -> int:
    """A reproduction of a profile of so many seeds, all of it done; gives the number of its records."""
    return write_reproduction(_write_profile(values(steps), folder), folder / RUNS)


def _write_methods(folder: Path, methods: int) -> int:
    """A reproduction of so many methods, all of it done."""
    _write_records(METHODS, folder, methods)
    return methods


def _tables(folder: Path) -> None:
    _command("results", "tables", str(folder / RUNS))


def _report(folder: Path) -> None:
    (folder / RUNS / "report.html").unlink(missing_ok=True)  # one that says the same would stay
    _command("results", "report", str(folder / RUNS))


def _command(module: str, *arguments: str) -> None:
    """A command as the shell would call it, in this process.

    Raises:
        AssertionError: it could not be done.
    """
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert end.code in (0, 1), (sys.argv, end.code)  # 1: not everything is done


SEEDS, WORLDS, METHODS = partial(many_seeds, "paper"), partial(many_seeds, "mini"), partial(many_methods, "paper")
SUBJECTS = (
    Subject("reading WebVision's lists", "lines", 16_000, _write_lists, _read_lists),
    Subject("finding images in shards", "members", 1_000_000, _write_shards, _index_shards),
    Subject("planning many seeds", "jobs", 140, partial(_write_jobs, SEEDS), _plan),
    Subject("planning many methods", "jobs", 244, partial(_write_jobs, METHODS), _plan),
    Subject("status, nothing done", "jobs", 140, partial(_write_jobs, SEEDS), _status),
    Subject("tables of the paper's profile", "records", 140, partial(_write_records, SEEDS), _tables),
    Subject("tables of the miniature", "records", 217, partial(_write_records, WORLDS), _tables),
    Subject("report of the paper's profile", "methods", 50, _write_methods, _report),
)


def row(growth: Growth) -> dict[str, str]:
    """As the table has it, without what is next to nothing."""
    return {
        "what": growth.subject.title,
        "sizes": f"{', '.join(map(short, growth.sizes[1:]))} {growth.subject.unit}",
        "CPU seconds": ", ".join(f"{seconds:.3g}" for seconds in growth.seconds[1:]),
        "peak (MiB)": ", ".join(f"{memory:.0f}" for memory in growth.memory[1:]),
        "exponent of time": f"{slope(growth.sizes, growth.seconds):.2f}",
        "of memory": f"{slope(growth.sizes, growth.memory):.2f}",
        "goal": f"at most {MOST:g}",
    }


def short(size: int) -> str:
    """Such as ``16 M`` or ``9,943``."""
    return f"{size / 1e6:g} M" if size >= 1_000_000 else f"{size:,}"


def picture(measured: Sequence[Growth]) -> str:
    """An SVG file: what every size costs over next to nothing, beside a line of slope 1."""
    # matplotlib, which not every process that is measured needs
    from matplotlib.ticker import NullFormatter

    from results.report.svg import FAINT, as_file, as_svg, figure
    from results.report.svg import METHODS as COLOURS

    with figure(760, 440) as drawn:
        for axes, title in zip(drawn.subplots(1, 2), ("CPU seconds", "MiB"), strict=True):
            axes.set(xscale="log", yscale="log")
            for growth, colour in zip(measured, COLOURS, strict=False):
                start, *costs = growth.memory if title == "MiB" else growth.seconds
                shares = [size / growth.sizes[-1] for size in growth.sizes[1:]]
                over = [cost - start if cost > start else math.nan for cost in costs]
                label = f"{growth.subject.title} ({short(growth.sizes[-1])} {growth.subject.unit})"
                axes.plot(shares, over, color=colour, marker="o", label=label)
            middle = math.sqrt(math.prod(axes.get_ylim()))
            shares = [2.0**-halvings for halvings in range(DOUBLINGS + 1)]
            line = [middle * share * 2 ** (DOUBLINGS / 2) for share in shares]
            axes.plot(shares, line, "--", color=FAINT, label="slope 1")
            axes.set_xticks(shares, ["1", *(f"1/{2**halvings}" for halvings in range(1, DOUBLINGS + 1))])
            axes.yaxis.set_major_formatter("{x:g}")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_minor_formatter(NullFormatter())
            axes.set_title(f"{title}, over the start")
            axes.set_xlabel("size / the largest")
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return as_file(as_svg(drawn, "Time and memory against size, on logarithmic axes"))


if __name__ == "__main__":
    sys.exit(exit_status_of(lambda: main(sys.argv[1:])))
