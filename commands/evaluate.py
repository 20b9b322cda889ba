"""`run_all.py evaluate CHECKPOINT --on DATA=FOLDER`: a checkpoint's rows, from the data sets that are named alone."""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import ProfileParser, add_run_options
from core.errors import InputError

if TYPE_CHECKING:  # help waits for none of it
    from commands.selection import Selection
    from execution.jobs import Job
    from profiles.checkpoint_profile import CheckpointProfile
    from profiles.schema import Profile

PROFILE_FILE = "profile.yaml"  # JSON, which is YAML too
DATA = "data."  # what the keys of data sets begin with


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status: 0 if all is done, 1 if a job failed, 2 if an input cannot be used."""
    given = _parser().parse_args(arguments)

    from execution.local import visible_gpus
    from profiles.checkpoint_profile import described_by_building, described_by_names, profile_of_checkpoint
    from profiles.load import load_profile

    folders = _folders(given.on, must_exist=not given.dry_run)
    protocols = load_profile(given.profile, given.overrides, given.site)
    if given.model is None:
        description = described_by_names(given.checkpoint, given.layout)
    else:
        description = described_by_building(given.checkpoint, given.model, protocols)
    gpus = len(visible_gpus())
    found = profile_of_checkpoint(given.checkpoint, description, folders, protocols, gpus, given.web_labels)
    print(f"{given.checkpoint}: {found.described}")
    selection = _selection(found, folders.keys(), given)
    if given.dry_run:
        from commands.plan import print_plan

        print_plan(selection)
        return 0
    from commands.running import run_here, runnable
    from core.files import write_json

    selection.runs.mkdir(parents=True, exist_ok=True)
    write_json(selection.runs / PROFILE_FILE, found.profile.model_dump(mode="json"))
    return run_here(runnable(selection, here=True, partial=True), given.jobs, given.code is not None)


def _parser() -> ProfileParser:
    parser = ProfileParser(
        "evaluate",
        __doc__,
        "The evaluations are those of the profile that read no other data than what is named. They run on the GPUs, "
        "where there are any, otherwise on the CPU. Give the same command again to go on after an interruption.",
    )
    parser.set_defaults(profile="paper")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a file of weights")
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        required=True,
        metavar="DATA=FOLDER",
        help="a data set and where it lies, such as voc07=/datasets/VOCdevkit; may be given several times",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--layout", metavar="NAME", help="how the file names its tensors, where that cannot be told")
    kind.add_argument(
        "--model",
        metavar="FILE.py:NAME",
        help="a function in a file of yours that builds a torch module from the path of the checkpoint",
    )
    parser.add_argument(
        "--web-labels",
        action="store_true",
        help="its classifier has never seen ImageNet's own labels, so that fine-tuning on a part of them is fair",
    )
    parser.add_argument("--only", nargs="+", metavar="KIND", help="only jobs of these kinds and what they need")
    add_run_options(parser)
    return parser


def _folders(on: Sequence[str], must_exist: bool) -> dict[str, Path]:
    """The folders of data sets, by their keys in a profile.

    Raises:
        InputError: there is no such data set or folder, or a data set is named twice.
    """
    from profiles.registry import DATA_SETS

    known = {_name(spec.key): spec.key for spec in DATA_SETS}
    folders: dict[str, Path] = {}
    for option in on:
        name, equals, folder = option.partition("=")
        key = known.get(_name(name))
        if key is None:
            raise InputError(f"--on {option}: there is no data set {name!a}, expected one of {', '.join(known)}.")
        if not equals or not folder:
            raise InputError(f"--on {option}: expected the data set's folder too, as in {name}=/datasets/{name}.")
        if key in folders:
            raise InputError(f"--on names {name} twice: name it once.")
        if must_exist and not os.path.isdir(folder):
            raise InputError(f"--on {option}: the folder {folder} does not exist: name the right one.")
        folders[key] = Path(folder).absolute()
    return folders


def _selection(found: "CheckpointProfile", keys: Iterable[str], given: argparse.Namespace) -> "Selection":
    """The jobs that read these data sets and no others; says what is left out.

    Raises:
        InputError: there is none.
    """
    from commands.selection import Selection, of_kinds
    from execution.jobs import topologically_sorted
    from profiles.expand import jobs_of

    runs = given.runs.absolute() / found.profile.name
    jobs = [job for job in jobs_of(found.profile) if _data_of(job)]
    missing = {job.name: [key for key in _data_of(job) if key not in set(keys)] for job in jobs}
    planned = [job for job in jobs if not missing[job.name]]
    evaluations = _evaluations_of(found.profile)
    lacking = {
        key: dict.fromkeys(evaluations.get(job.kind, job.kind) for job in jobs if key in missing[job.name])
        for key in dict.fromkeys(key for of_job in missing.values() for key in of_job)
    }
    if lacking:
        print(
            "Left out, as not named with --on:",
            ", ".join(f"{_name(key)} ({_list(of_it)})" for key, of_it in lacking.items()),
        )
    for reason, left_out in found.left_out.items():
        print(f"Left out, as {reason}: {_list(left_out)}")
    if not planned:
        raise InputError(
            f"The profile {given.profile} has nothing to evaluate {given.checkpoint} by on "
            f"{_list(keys)} alone: name more data sets with --on, or another profile with --profile."
        )
    asked = of_kinds(planned, given.only)
    described = ["--profile", str(runs / PROFILE_FILE)]
    return Selection(
        found.profile, topologically_sorted(planned), topologically_sorted(asked), asked, runs, described, []
    )


def _evaluations_of(profile: "Profile") -> dict[str, str]:
    """The key of the evaluation that plans the jobs of a kind whose figures tables show."""
    return {
        column.evaluation: evaluation.key
        for evaluation, _ in profile.evaluate.sections
        for table in evaluation.tables
        for column in evaluation.columns_of(table)
    }


def _list(keys: Iterable[str]) -> str:
    return ", ".join(map(_name, keys))


def _name(key: str) -> str:
    """What a data set or an evaluation is called in the command, by its key in a profile."""
    return key.replace("_", "-")


def _data_of(job: "Job") -> list[str]:
    """The keys of the data sets that a job reads."""
    return [source.key.split(".")[1] for source in job.reads if source.key.startswith(DATA)]
