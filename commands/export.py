"""`run_all.py export JOB --format torchvision|safetensors OUT`: the weights of a finished job, with a model card."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import ProfileParser
from core.errors import InputError
from pretrain.conventions import OURS, Convention

if TYPE_CHECKING:  # help waits for none of it
    from pretrain.publication import Form, Weights
    from results.plan import PlannedJob, Results

CONFIG, CARD = "config.json", "README.md"
SHOWN = 8  # jobs that a sentence names


def main(arguments: Sequence[str]) -> int:
    """Write the folder; gives the exit status, 0.

    Raises:
        InputError: there is no such job, it has trained nothing or is not done, its weights are not those that it
            wrote or cannot be had in that form, or the folder is there already.
    """
    given = _parser().parse_args(arguments)
    _require_new(given.folder)

    from pretrain.publication import require_exportable, weights_in
    from profiles.load import load_profile
    from results.plan import read_results

    runs = given.runs.absolute() / load_profile(given.profile, given.overrides, given.site).name
    results = read_results(runs)
    job = _job(results, given.job, runs)
    weights = weights_in(runs / job.folder, results.records[job.name].provenance, _convention(results, job))
    require_exportable(weights, given.form)
    _write(results, job, weights, given.form, given.folder)
    print(f"{given.folder}: {', '.join(sorted(os.listdir(given.folder)))}")
    print(f"Nothing was uploaded. Read {CARD}, above all its sections on data and limits, before you do.")
    return 0


def _parser() -> ProfileParser:
    parser = ProfileParser(
        "export",
        __doc__,
        "torchvision: a state dict for what torchvision.models builds. safetensors: the same names in a file of that "
        "format, of any ResNet. Either folder holds the weights, config.json and README.md, the model card, and can be "
        "uploaded to a hub as it is.",
    )
    parser.add_argument("job", metavar="JOB", help="its name, such as pretrain/mopro/webvision/seed100")
    parser.add_argument("--format", dest="form", choices=("torchvision", "safetensors"), required=True)
    parser.add_argument("folder", metavar="OUT", type=Path, help="the folder to write, which must not be there yet")
    return parser


def _require_new(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is there already: name a new folder, or remove it.")


def _job(results: "Results", name: str, runs: Path) -> "PlannedJob":
    """The job of a name, or of a folder.

    Raises:
        InputError: there is none in the plan, it is not done, or it has trained nothing.
    """
    from results.model_card import has_trained
    from results.trail import not_run_because

    wanted = name.strip("/")
    job = next((it for it in results.jobs if wanted in (it.name, it.folder)), None)
    trained = [it.name for it, record in results.done if has_trained(record)]
    known = ", ".join(trained[:SHOWN]) + (f" and {len(trained) - SHOWN} more" if len(trained) > SHOWN else "")
    can_be = f"exported can be {known}" if trained else "no job of it has trained a network yet"
    if job is None:
        raise InputError(f"The plan in {runs} has no job {name!a}: {can_be}.")
    if job.name not in results.records:
        raise InputError(f"The job {job.name} has no record ({not_run_because(results, runs, job)}): {can_be}.")
    if job.name not in trained:
        raise InputError(f"The job {job.name} has left no network that it trained itself: {can_be}.")
    return job


def _convention(results: "Results", job: "PlannedJob") -> Convention:
    """How the trunk takes images that a job may have gone on from: as its release does, or ours."""
    from results.trail import ancestors

    for ancestor in ancestors(results, job):
        record = results.records.get(ancestor.name)
        said = record.provenance.get("convention") if record else None
        if said:
            return Convention(tuple(said["mean"]), tuple(said["deviation"]), said["channels"], said["padding"])
    return OURS


def _write(results: "Results", job: "PlannedJob", weights: "Weights", form: "Form", folder: Path) -> None:
    """Write all files aside, then give the folder its name: it is whole or not there."""
    from core.files import sha256_of, write_json, write_text
    from pretrain.publication import description_of, lines_that_load, write_weights
    from profiles.registry import DATA_SETS
    from results.model_card import model_card

    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.absolute().parent, prefix=f".{folder.name}."))
    try:
        path = write_weights(weights, form, aside)
        record = results.records[job.name]
        size = record.config.get("views", {}).get("size")
        config = description_of(weights) | {
            **({"input_size": [3, size, size]} if size else {}),
            "format": form,
            "file": path.name,
            "sha256": sha256_of(path),
            "job": job.name,
            "identity": job.identity,
            "record": record.digest,
        }
        licences = {spec.key: spec.licence for spec in DATA_SETS}
        write_json(aside / CONFIG, config)
        write_text(aside / CARD, model_card(results, job, config, lines_that_load(weights, form), licences))
        os.chmod(aside, 0o755)
        _require_new(folder)
        os.rename(aside, folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
