"""The five ways to get a checkpoint that is to be evaluated, and the jobs of each."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

from core.config import values
from core.declarations import Classifier, Evaluation, Run, Source, Stage, Work, misfit_of
from core.errors import InputError
from core.user_code import called, error_in, is_reference, load, load_function
from core.workspace import VERIFICATION_FOLDER
from execution.frozen import FOLDER as CODE
from execution.jobs import Job
from execution.resources import Resources
from pretrain.config import BuiltFile, ReleasedFile
from pretrain.methods.method import Method
from pretrain.methods.registry import job_values
from profiles.schema import BuiltMethod, Profile, ReleasedMethod, StageResources, slug
from results.plan import NO_SET, PLAN_FILE
from results.writing import FOLDER as TABLES

PRETRAINING = Stage("pretrain", "pretrain.pretraining:run")
RELEASE = Stage("released", "pretrain.released:run")
BUILDING = Stage("built", "pretrain.built:run")
UNTRAINED = Stage("untrained", "pretrain.untrained:run")
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TAKEN = {  # what lies beside the jobs' folders, each of which lies below one that is called by its kind
    *(PLAN_FILE, TABLES, CODE, VERIFICATION_FOLDER, "report.html", "miniature", "hard-images"),
    *(stage.id for stage in (PRETRAINING, RELEASE, BUILDING, UNTRAINED)),
}
NO_RESOURCES = ""  # of the profile's: what any machine has

World = Mapping[str, Job]  # the jobs that make the data of a run, by their roles; none where data sets lie on disk


def pretrained(profile: Profile, set_name: str, method_name: str, seed: int, world: World) -> Run:
    """A method trained on a set of web images, with a seed."""
    key, part = f"data.webvision.{set_name}", profile.data.webvision[set_name]
    method = profile.methods[method_name]
    assert isinstance(method, Method)
    if part.threshold is not None:
        method = method.with_values({"threshold": part.threshold})
    trained_on, folder = part.trained_on, Source(f"{key}.folder", part.folder)
    reads = [folder]
    if part.exclusions is not None:
        reads.append(Source(f"{key}.exclusions", part.exclusions.file, "list"))
    shared = values(profile.pretrain)
    of_method, options = job_values(method)
    options["runtime"] = shared.pop("runtime")
    if part.exclusions is not None and part.exclusions.sha256:
        options["exclusions"] = part.exclusions.file
    images, epochs = part.images_to_train_on, profile.pretrain.schedule.epochs
    corrects_from = method.corrects_labels_from
    checkpoint = Work(
        "pretrain",
        PRETRAINING,
        {"seed": seed, **trained_on, **of_method, **shared},
        options,
        reads=tuple(reads),
        resources="pretrain",
        images={"training": images and images * (epochs * method.relative_cost)},
    )
    return Run(
        profile,
        method_name,
        set_name,
        seed,
        seed,
        checkpoint,
        Classifier(part.classes, part.shares_imagenet_classes, folder, trained_on.get("part")),
        is_trained=True,
        has_corrected_labels=corrects_from is not None and corrects_from < epochs,
        training_images=images,
        has_chosen_hard_images="hard" in world,
    )


def released(profile: Profile, method_name: str, world: World) -> Run:
    """Somebody else's checkpoint in a file of a known layout."""
    release = profile.methods[method_name]
    assert isinstance(release, ReleasedMethod)
    config = release.model_dump(mode="json", include=set(ReleasedFile.model_fields))
    # The content identifies a file where its digest is known; then it may lie anywhere.
    options = {"file": config.pop("file")} if release.sha256 else {}
    return _external(profile, method_name, release, Work("released", RELEASE, config, options), world)


def built(profile: Profile, method_name: str, world: World) -> Run:
    """Somebody else's checkpoint, of which a function in a user's file makes a module."""
    method = profile.methods[method_name]
    assert isinstance(method, BuiltMethod)
    config = method.model_dump(mode="json", include=set(BuiltFile.model_fields))
    # The content identifies files whose digest is known; then they may lie anywhere.
    file = load(method.model)
    options = {"model_file": str(file.path)} | ({"file": config.pop("file")} if method.sha256 else {})
    config |= {
        "model": f"{file.path.name}:{method.model.rpartition(':')[2]}",
        "model_sha256": file.sha256,
        "crop": profile.evaluate.accuracy.view.crop,
    }
    run = _external(profile, method_name, method, Work("built", BUILDING, config, options), world)
    return replace(run, can_be_trained=False)


def _external(
    profile: Profile, method_name: str, method: ReleasedMethod | BuiltMethod, checkpoint: Work, world: World
) -> Run:
    """A run whatever the training sets and seeds; its draws are those of the first seed."""
    source = Source(f"methods.{method_name}.file", method.file, "checkpoint")
    classifier = Classifier(method.classes, True, _imagenet_from_the_web(profile, method.classes))
    return Run(
        profile,
        method_name,
        slug(method.pretrained_on),
        profile.seeds[0],
        0,
        replace(checkpoint, reads=(source,), resources=NO_RESOURCES),
        None if method.classifier == "none" else classifier,
        has_seen_imagenet_labels=method.classifier == "imagenet",
        has_chosen_hard_images="hard" in world,
    )


def untrained(profile: Profile, method_name: str, seed: int) -> Run:
    """An untrained backbone."""
    config = {"seed": seed, "backbone": values(profile.pretrain.backbone)}
    checkpoint = Work("untrained", UNTRAINED, config, world=(), resources=NO_RESOURCES)
    return Run(profile, method_name, NO_SET, seed, seed, checkpoint)


def _imagenet_from_the_web(profile: Profile, classes: int) -> Source | None:
    """The first set of web images with all of ImageNet's classes."""
    for name, part in profile.data.webvision.items():
        if part.shares_imagenet_classes and part.classes == part.classes_on_disk == classes:
            return Source(f"data.webvision.{name}.folder", part.folder)
    return None


def work_of_run(run: Run, evaluations: Sequence[Evaluation]) -> dict[str, list[Work]]:
    """What some evaluations of a checkpoint take, by the key of the evaluation.

    Raises:
        InputError: a user's evaluation is at fault.
    """
    sections = {evaluation.key: section for evaluation, section in run.profile.evaluate.sections}
    found = {it.key: _work_of(it, sections[it.key], run) for it in evaluations if it.can_evaluate(run)}
    givers: dict[str, str] = {}
    for evaluation in evaluations:
        for work in found.get(evaluation.key, ()):
            if work.kind in givers:
                before = f"which evaluate.{givers[work.kind]} has given before"
                raise error_in(evaluation.work, f"it gives work of the kind {work.kind!a}, {before}: choose another")
            givers[work.kind] = evaluation.key
    return found


def jobs_of_run(
    run: Run, evaluations: Iterable[Work], world: World, metrics: Mapping[str, tuple[str, ...]]
) -> list[Job]:
    """The job that gets the checkpoint, and those that evaluate it.

    Args:
        run: the checkpoint.
        evaluations: what evaluating it takes.
        world: what it shares with others.
        metrics: that tables show, by the kind of the job.
    """
    jobs: dict[Work, Job] = {}
    for work in (run.checkpoint, *evaluations):
        jobs[work] = replace(_job(work, run, jobs, world), metrics=metrics.get(work.kind, ()))
    return list(jobs.values())


def require_measured(evaluation: Evaluation, kinds: Iterable[str]) -> None:
    """Refuse a column that none of an evaluation's jobs measures, as its figures would nowhere be seen.

    Raises:
        InputError: the tables of the evaluation, which may be a user's, have one.
    """
    known = list(kinds)
    for table in evaluation.tables:
        for column in evaluation.columns_of(table):
            if column.evaluation not in known and not column.is_optional:
                raise error_in(
                    evaluation.work,
                    f"the column {column.title!r} of the table {table.name} is measured by jobs of the kind "
                    f"{column.evaluation!a}, but it gives work of the kind {' and '.join(known)}: name that, or say "
                    "is_optional=True of a column that the profile may leave out",
                )


def _work_of(evaluation: Evaluation, section: Any, run: Run) -> list[Work]:
    found = called(evaluation.work, section, run)
    if not isinstance(found, list | tuple):
        kind = type(found).__name__
        raise error_in(evaluation.work, f"it gives a {kind}, expected Work, one after the other (yield)")
    for place, it in enumerate(found):
        _require_sources(it, evaluation.key)
        if fault := _fault_of(it, [run.checkpoint, *found[:place]]):
            raise error_in(evaluation.work, fault)
    return list(found)


def _require_sources(work: Any, key: str) -> None:
    """Refuse a source whose path is that of a data set that the profile does not have."""
    for source in work.reads if isinstance(work, Work) else ():
        if isinstance(source, Source) and source.path is None:
            raise InputError(
                f"evaluate.{key} needs {source.key}, found none: name its folder, or leave evaluate.{key} out."
            )


def _fault_of(work: Any, before: Sequence[Work]) -> str | None:
    """What is wrong with what an evaluation gives, as a user's may; None where nothing is."""
    if not isinstance(work, Work):
        return f"it gives a {type(work).__name__}, expected Work of core.declarations"
    if misfit := misfit_of(work):
        return f"it gives work whose {misfit}"
    if work.kind.lower() in TAKEN:
        return f"it gives work of the kind {work.kind!a}, as the suite calls something of its own: choose another"
    if not KIND.fullmatch(work.kind):
        return f"it gives work of the kind {work.kind!a}, expected letters, digits, . _ and -"
    if fault := _fault_of_stage(work.stage):
        return fault
    if work.resources not in (NO_RESOURCES, *StageResources.model_fields):
        return f"it asks for the resources {work.resources!a}, expected one of {', '.join(StageResources.model_fields)}"
    if any(needed not in before for needed in work.needs.values()):
        return f"its {work.kind} needs work that it has not given before"
    try:
        json.dumps([work.config, work.options], allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"the configuration of its {work.kind} is not made of plain values ({error})"
    return None


def _fault_of_stage(stage: Stage) -> str | None:
    """What is wrong with what the jobs of some work call; None where nothing is.

    Raises:
        InputError: it is in a user's file, which is at fault.
    """
    if is_reference(stage.code):
        load_function(stage.code, {}, "workspace")
    elif not _ships(stage.code):
        return (
            f"the code of its stage {stage.id} is {stage.code!a}, expected a function in a file, such as "
            'f"{__file__}:run"'
        )
    return None


@cache
def _ships(code: str) -> bool:
    """Whether there is such a module, which is not imported, as that would take the time that torch takes."""
    module, _, function = code.partition(":")
    try:
        return bool(function) and find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _job(work: Work, run: Run, jobs: Mapping[Work, Job], world: World) -> Job:
    """With the run's name, tags and resources."""
    stage, resources = work.stage, run.profile.resources
    if is_reference(stage.code):
        stage = replace(stage, sha256=load(stage.code).sha256)
    tags = {"method": run.method, "set": run.training_set, "seed": str(run.label), "evaluation": work.kind}
    needs = {role: world[role] for role in work.world if role in world}
    return Job(
        f"{work.kind}/{run.method}/{run.training_set}/seed{run.label}",
        stage,
        work.config,
        work.options,
        needs | {role: jobs[needed] for role, needed in work.needs.items()},
        getattr(resources, work.resources) if work.resources else Resources(),
        tags,
        work.reads,
        work.packages,
        work.images,
    )
