#!/usr/bin/env python
"""Reproduces MoPro (ICLR 2021): plans a profile's jobs, runs what is not done, prints the tables."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from core.errors import InputError
from core.files import held_alone
from data.config import ListedSubset
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
from slurm.jobs import Job, in_order


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 if all is done, 1 if a job failed, 2 if something given cannot be used."""
    try:
        return _run(_parser().parse_args(arguments))
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence, as everything else does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        allow_abbrev=False,
        description=__doc__,
        epilog="Run the same command again to go on after an interruption: finished jobs stay.",
    )
    parser.add_argument("--profile", default="mini", help="name, or path of a YAML file (default: %(default)s)")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a value of the profile",
    )
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods of the profile")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="these pretraining seeds")
    parser.add_argument(
        "--only", nargs="+", metavar="KIND", help="only jobs of these kinds (such as lowshot-voc07) and what they need"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, touch nothing")
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=os.cpu_count(),
        metavar="N",
        help="processes side by side (default: %(default)s)",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where everything is written (default: runs)")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number of processes from 1")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    profile = _restricted(load_profile(arguments.profile, arguments.overrides), arguments)
    planned = jobs_of(profile)
    selected = _selected(planned, arguments.only)
    runs = arguments.runs.absolute() / profile.name
    if arguments.dry_run:
        _print_plan(selected, runs)
        return 0
    _check_data(profile)
    return _execute(profile, planned, selected, runs, arguments.jobs)


def _restricted(profile: Profile, arguments: argparse.Namespace) -> Profile:
    """The profile with the seeds and methods that were asked for."""
    changes: dict = {}
    if arguments.seeds:
        changes["seeds"] = tuple(arguments.seeds)
    if arguments.methods:
        unknown = [name for name in arguments.methods if name not in profile.methods]
        if unknown:
            raise InputError(f"--methods {unknown[0]}: the profile has {', '.join(profile.methods)}.")
        changes["methods"] = {name: profile.methods[name] for name in arguments.methods}
    return profile.model_copy(update=changes)


def _selected(jobs: Sequence[Job], kinds: Sequence[str] | None) -> list[Job]:
    if not kinds:
        return in_order(jobs)
    known = list(dict.fromkeys(job.name.split("/")[0] for job in jobs))
    for kind in kinds:
        if kind not in known:
            raise InputError(f"--only {kind}: the profile has {', '.join(known)}.")
    return in_order([job for job in jobs if job.name.split("/")[0] in kinds])


def _check_data(profile: Profile) -> None:
    """Without a miniature, every data folder and every list of images must be there before anything starts.

    Raises:
        InputError: one is not.
    """
    if profile.miniature is not None:
        return
    folders = {f"data.webvision.{name}.folder": part.folder for name, part in profile.data.webvision.items()}
    folders |= {"data.imagenet": profile.data.imagenet, "data.voc07": profile.data.voc07}
    if profile.data.places205:
        folders["data.places205.folder"] = profile.data.places205.folder
    if profile.data.coco:
        folders["data.coco.folder"] = profile.data.coco.folder
    variants = {"data.imagenet_r.folder": profile.data.imagenet_r, "data.imagenet_a.folder": profile.data.imagenet_a}
    folders |= {key: variant.folder for key, variant in variants.items() if variant is not None}
    for key, folder in folders.items():
        if not Path(folder).is_dir():
            raise InputError(f"{key}: the folder {folder} does not exist; name the right one with --set {key}=FOLDER.")
    subsets = profile.evaluate.finetune.subsets if profile.evaluate.finetune else {}
    for name, subset in subsets.items():
        if isinstance(subset, ListedSubset) and not Path(subset.file).is_file():
            key = f"evaluate.finetune.subsets.{name}.file"
            raise InputError(f"{key}: the list {subset.file} does not exist; name the right one with --set {key}=FILE.")


def _print_plan(jobs: Sequence[Job], runs: Path) -> None:
    from tabulate import tabulate

    rows = [
        {
            "job": job.name,
            "state": "done" if job.record(runs) else "to do",
            "needs": ", ".join(needed.name for needed in job.needs.values()),
            "tasks": job.resources.tasks,
            "GPU-hours": job.resources.gpu_hours,
            "folder": job.folder(Path()),
        }
        for job in jobs
    ]
    print(tabulate(rows, headers="keys"))
    total = sum(job.resources.gpu_hours for job in jobs if not job.record(runs))
    print(f"{len(jobs)} jobs; {total:g} GPU-hours to do.")


def _execute(profile: Profile, planned: Sequence[Job], selected: Sequence[Job], runs: Path, parallel: int) -> int:
    from results.plan import read_results
    from results.writing import write_tables
    from slurm.display import TerminalDisplay
    from slurm.local import LocalExecutor
    from slurm.plan import write_plan

    with held_alone(runs):
        write_plan(planned, profile.model_dump(mode="json"), runs)
        to_do = [job for job in selected if job.record(runs) is None]
        print(f"Profile {profile.name}: {len(selected)} jobs, {len(selected) - len(to_do)} of them done, in {runs}")
        with TerminalDisplay(len(to_do)) as display:
            failures = LocalExecutor(runs, parallel, display).run(selected)
        print("\n" + write_tables(read_results(runs), runs))
        print(f"Tables: {runs / 'tables'}")
    for failure in failures:
        print(
            f"error: {failure.job.name}: {failure.reason}" + (f" [{failure.log}]" if failure.log else ""),
            file=sys.stderr,
        )
    if any(failure.is_input_error for failure in failures):
        return 2
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
