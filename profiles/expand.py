"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each.

Somebody else's checkpoint is not pretrained: it has one run, whatever the training sets and seeds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from core.config import values
from core.declarations import Evaluation, Run, Source, Stage, required_metrics
from core.extras import IMAGES
from data.miniature.classes import IMAGENET_CLASSES
from execution.jobs import Job
from profiles.runs import (
    World,
    built,
    jobs_of_run,
    pretrained,
    released,
    require_measured,
    untrained,
    work_of_run,
)
from profiles.schema import Profile
from robustness.spec import HARD_IMAGES_STAGE

MINIATURE, HARD_IMAGES = "miniature", "hard-images"  # kinds of the jobs that make a world
BUILD = Stage("miniature", "data.miniature.build:run")


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first.

    Raises:
        InputError: a user's evaluation is at fault.
    """
    of_untrained = profile.evaluate.untrained_seeds if profile.untrained else {}
    worlds = {seed: _world(profile, seed) for seed in dict.fromkeys([*profile.seeds, *of_untrained])}
    jobs = [job for world in worlds.values() for job in world.values()]
    metrics = required_metrics(profile.tables)
    kinds: dict[str, dict[str, None]] = {}  # of the jobs of each evaluation, by its key
    for run, evaluations in _runs(profile, worlds, of_untrained):
        work = work_of_run(run, evaluations)
        jobs += jobs_of_run(run, chain.from_iterable(work.values()), worlds[run.seed], metrics)
        for key, of_evaluation in work.items():
            kinds.setdefault(key, {}).update(dict.fromkeys(it.kind for it in of_evaluation))
    for evaluation, _ in profile.evaluate.sections:
        if kinds.get(evaluation.key):
            require_measured(evaluation, kinds[evaluation.key])
    return _computed_alike(jobs, profile)


def _runs(
    profile: Profile, worlds: Mapping[int, World], of_untrained: Mapping[int, list[Evaluation]]
) -> Iterator[tuple[Run, list[Evaluation]]]:
    """Every checkpoint, with what it is evaluated by."""
    every = [evaluation for evaluation, _ in profile.evaluate.sections]
    for set_name in profile.data.webvision:
        for method_name in profile.pretrained:
            for seed in profile.seeds:
                yield pretrained(profile, set_name, method_name, seed, worlds[seed]), every
    for method_name in profile.released:
        yield released(profile, method_name, worlds[profile.seeds[0]]), every
    for method_name in profile.built:
        yield built(profile, method_name, worlds[profile.seeds[0]]), every
    for method_name in profile.untrained:
        for seed, asking in of_untrained.items():
            yield untrained(profile, method_name, seed), asking


def _world(profile: Profile, seed: int) -> dict[str, Job]:
    """The jobs that make what the runs of a seed share, by role: in a miniature, every seed builds its own data.

    None where data sets lie on disk.
    """
    data = _miniature(profile, seed)
    return data | _hard_images(profile, seed, data)


def _computed_alike(jobs: list[Job], profile: Profile) -> list[Job]:
    """The same jobs, computed with the profile's instructions and arithmetic; they are topologically sorted."""
    changed: dict[str, Job] = {}
    for job in jobs:
        needs = {role: changed[needed.name] for role, needed in job.needs.items()}
        changed[job.name] = replace(job, needs=needs, instructions=profile.instructions, arithmetic=profile.arithmetic)
    return list(changed.values())


def _miniature(profile: Profile, seed: int) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config, resources = {"seed": seed, **values(profile.miniature)}, profile.resources.miniature
    tags = {"seed": str(seed)}
    return {
        "data": Job(f"{MINIATURE}/seed{seed}", BUILD, config, resources=resources, tags=tags, packages=tuple(IMAGES))
    }


def _hard_images(profile: Profile, seed: int, data: dict[str, Job]) -> dict[str, Job]:
    if profile.hard_images is None:
        return {}
    config = {
        "seed": seed,
        "imagenet": profile.data.imagenet,
        "classes": len(IMAGENET_CLASSES),
        **values(profile.hard_images),
        "views": values(profile.pretrain.views),
        "view": values(profile.evaluate.accuracy.view),
        "arithmetic": values(profile.pretrain.arithmetic),
        "batch_size": profile.evaluate.batch_size,
    }
    options = {"runtime": values(profile.pretrain.runtime), "workers": profile.evaluate.workers}
    reads = (Source("data.imagenet", config["imagenet"]), Source("hard_images.pool", config["pool"]))
    tags, resources = {"seed": str(seed)}, profile.resources.miniature
    name = f"{HARD_IMAGES}/seed{seed}"
    return {"hard": Job(name, HARD_IMAGES_STAGE, config, options, data, resources, tags, reads)}
