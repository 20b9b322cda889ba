"""What the jobs that are still to do read and use, and whether it is there: data, checkpoints, packages, GPUs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.declarations import Source
from core.errors import InputError
from core.extras import missing_packages
from execution.jobs import Job
from execution.resources import Resources
from profiles.schema import Profile, StageResources

Missing = Mapping[str, Sequence[Job]]  # what is missing, and what can be done about it -> the jobs that need it


def missing_requirements(jobs: Sequence[Job], profile: Profile, gpus: int | None) -> Missing:
    """Everything that is missing on this machine for some of the jobs.

    Args:
        jobs: those that are not done.
        profile: theirs.
        gpus: how many there are; None where the jobs run elsewhere.
    """
    lacks: dict[str, list[Job]] = {}
    for job in jobs:
        missing = [_described(source) for source in job.reads if not _is_there(source, job)]
        missing += missing_packages(job.packages)
        if gpus is not None and job.resources.all_gpus > gpus:
            missing.append(_without_gpus(job, profile, gpus))
        for what in missing:
            lacks.setdefault(what, []).append(job)
    return lacks


def require(lacks: Missing) -> None:
    """Nothing may be missing.

    Raises:
        InputError: something is; the sentence names all of it.
    """
    if lacks:
        several = f"{len(lacks)} things are missing: " if len(lacks) > 1 else ""
        raise InputError(f"{several}{'; '.join(lacks)}; or plan without what is missing, with --partial.")


def jobs_blocked_by(lacks: Missing, jobs: Sequence[Job]) -> set[str]:
    """Names of the jobs that cannot run: those to which something is missing, and those that need them.

    Args:
        lacks: what is missing.
        jobs: those that are not done, topologically sorted.
    """
    lost = {job.name for of_lack in lacks.values() for job in of_lack}
    for job in jobs:
        if any(need.name in lost for need in job.needs.values()):
            lost.add(job.name)
    return lost


def on_the_cpu(jobs: Sequence[Job]) -> list[Job]:
    """The jobs as a machine without GPUs runs them: those for which the CPU will do ask for none."""
    return [_on_the_cpu(job) if job.resources.gpus and job.resources.cpu_will_do else job for job in jobs]


def _on_the_cpu(job: Job) -> Job:
    return replace(job, resources=Resources.model_validate({**job.resources.model_dump(), "gpus": 0}))


def _is_there(source: Source, job: Job) -> bool:
    if "data" in job.needs and not os.path.isabs(source.path):
        return True  # the miniature builds it
    return os.path.isdir(source.path) if source.kind == "folder" else os.path.isfile(source.path)


def _described(source: Source) -> str:
    advice = f"name the right one with --set {source.key}={'FOLDER' if source.kind == 'folder' else 'FILE'}"
    if source.kind == "checkpoint":
        advice += f", or leave the method out with --set {source.key.removesuffix('.file')}=null"
    return f"{source.key}: the {source.kind} {source.path} does not exist ({advice})"


def _without_gpus(job: Job, profile: Profile, gpus: int) -> str:
    """With settings that this machine can run; fewer tasks divide the batch where those of the profile do."""
    section = next(name for name in StageResources.model_fields if getattr(profile.resources, name) is job.resources)
    key, tasks = f"resources.{section}", job.resources.tasks
    if gpus:
        fewer = next(number for number in range(gpus, 0, -1) if tasks % number == 0)
        settings = [f"--set {key}.tasks={fewer}"] + [f"--set {key}.nodes=1"] * (job.resources.nodes > 1)
    else:
        settings = [f"--set {key}.gpus=0"]
    where = f"{gpus} of them" if gpus else "the CPU, however long that takes"
    return (
        f"{key} asks for {job.resources.all_gpus} GPUs, this machine has {gpus} (run on {where} with "
        f"{' '.join(settings)})"
    )
