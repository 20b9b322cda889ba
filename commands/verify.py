"""`run_all.py verify`: checks every data set that the profile names before anything is computed with it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from commands.arguments import ProfileParser, positive
from core.cores import usable_cores
from core.errors import InputError
from core.files import exclusive_lock
from core.workspace import VERIFICATION_FOLDER
from data.declaration import DataLocation
from data.verification.inspection import DataSet
from data.verification.report import Verifier
from profiles.data_at_hand import profile_at_hand
from profiles.expand import HARD_IMAGES, MINIATURE, jobs_of
from profiles.registry import DATA_SETS
from profiles.schema import Profile

SAMPLE = 1000
FAULTS_SHOWN = 10  # of each data set; its file holds all
SECONDS_FOR_THE_KILLED = 15.0  # after a check was killed, its decoding processes hold the folder until they notice


def main(arguments: Sequence[str]) -> int:
    """Print a table and the faults; gives the exit status: 0 if there are none, 1 otherwise.

    Raises:
        InputError: the profile is not valid, or no world of its miniature has been built.
    """
    parser = ProfileParser("verify", __doc__, "An interrupted check goes on where it stopped.")
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument("--full", action="store_true", help="decode every image")
    how_many.add_argument(
        "--sample",
        type=positive,
        default=SAMPLE,
        metavar="N",
        help="decode N images of each part of a data set, drawn at random (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=usable_cores(),
        metavar="N",
        help="processes that decode side by side (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    profile, _ = profile_at_hand(given.profile, given.overrides, given.site)
    runs = given.runs.absolute() / profile.name
    data_sets = data_sets_of(profile, runs)
    folder = runs / VERIFICATION_FOLDER
    with exclusive_lock(folder, SECONDS_FOR_THE_KILLED), _Bars() as bars:
        verifier = Verifier(folder, None if given.full else given.sample, given.jobs, bars.progress)
        reports = [verifier.verify(data_set) for data_set in data_sets]
    print(_as_text(reports, verifier))
    return 1 if any(report["faults"] for report in reports) else 0


def data_sets_of(profile: Profile, runs: Path) -> list[DataSet]:
    """Every data set of a profile, with what its parts must be; of a miniature, those of all worlds that are built.

    Raises:
        InputError: the data sets are those of a miniature of which no world has been built.
    """
    if profile.miniature is None:
        return _data_sets_in(profile, Path(), Path())
    jobs = jobs_of(profile)
    built = {job.tags["seed"]: job.folder(runs) for job in jobs if job.kind == MINIATURE and job.record(runs)}
    chosen = {job.tags["seed"]: job.folder(runs) for job in jobs if job.kind == HARD_IMAGES and job.record(runs)}
    if not built:
        raise InputError(
            f"The miniature's data sets are not in {runs / MINIATURE}: build them first, with the same options "
            "and --only miniature."
        )
    return [
        replace(data_set, name=f"{data_set.name}-seed{seed}")
        for seed, world in built.items()
        for data_set in _data_sets_in(profile, world, world if profile.hard_images is None else chosen.get(seed))
    ]


def _data_sets_in(profile: Profile, root: Path, chosen: Path | None) -> list[DataSet]:
    """Those of one world; relative folders lie in ``root``, that of ImageNet-A in ``chosen``, None if not there yet."""
    sections, counts = dict(profile.data), dict(profile.data.counts)
    return DataLocation(sections, counts, root, chosen, profile.imagenet_classes).data_sets(DATA_SETS)


class _Bars:
    """A bar for the split that is decoded, on a terminal; a context manager."""

    def __enter__(self) -> "_Bars":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

        console = Console()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # no thread beside this one, which forks
            disable=not console.is_terminal,
        )
        self._of_split: dict[str, TaskID] = {}
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Move the bar of a split."""
        if what not in self._of_split:
            self._of_split[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._of_split[what], completed=done, refresh=True)


COLUMNS = ("left", "left", *["right"] * 5, "left")  # how they are aligned


def _row(data_set: str, name: str, split: dict[str, Any]) -> dict[str, str]:
    return {
        "data set": data_set,
        "part": name,
        "images": f"{split['images']:,}",
        "expected": "any" if split["expected"] is None else f"{split['expected']:,}",
        "decoded": f"{split['decoded']:,}",
        "of bytes": f"{split.get('bytes', 0):,}",
        "broken": str(split["broken"]),
        "sizes": split.get("fingerprint", {}).get("sizes") or "",
    }


def _as_text(reports: Sequence[dict[str, Any]], verifier: Verifier) -> str:
    from tabulate import tabulate

    splits = [(report["set"], name, split) for report in reports for name, split in report["splits"].items()]
    rows = [_row(data_set, name, split) for data_set, name, split in splits]
    sums = {key: sum(split.get(key, 0) for _, _, split in splits) for key in ("images", "decoded", "bytes", "broken")}
    rows.append(_row("all", "", sums | {"expected": None}) | {"expected": ""})
    lines = [tabulate(rows, headers="keys", disable_numparse=True, colalign=COLUMNS), ""]
    lines += [
        f"{data_set} {name}: SHA-256 over all images {split['full_sha256']}"
        for data_set, name, split in splits
        if verifier.sample is None and "full_sha256" in split
    ]
    for report in reports:
        faults, file = report["faults"], verifier.folder / f"{report['set']}.json"
        lines += [f"{report['set']}: {fault}" for fault in faults[:FAULTS_SHOWN]]
        if len(faults) > FAULTS_SHOWN:
            lines.append(f"{report['set']}: {len(faults) - FAULTS_SHOWN} more faults are listed in {file}.")
        if verifier.broken_list(report["set"]).exists():
            lines.append(
                f"{report['set']}: the broken training images are listed in {verifier.broken_list(report['set'])}: "
                "fetch them again, or, of a WebVision set, leave them out with data.webvision.<set>.exclusions."
            )
    count = sum(len(report["faults"]) for report in reports)
    hint = "" if verifier.sample is None else " With --full, every image is decoded."
    lines.append((f"{count} faults." if count else "No faults.") + hint)
    lines.append(f"Reports: {verifier.folder}")
    return "\n".join(lines)
