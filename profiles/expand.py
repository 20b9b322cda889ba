"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each.

A released method is not pretrained: it has one run, whatever the training sets and seeds.
"""

from dataclasses import dataclass, replace

from core.instructions import Instructions
from data.miniature.classes import IMAGENET_CLASSES
from profiles.runs import Needs, Release, Run, detections, values
from profiles.schema import NOTHING, Profile, slug
from slurm.jobs import Job, Source

MINIATURE, HARD_IMAGES = "miniature", "hard-images"  # kinds of the jobs that make a world


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first."""
    worlds = {seed: _World.of(profile, seed) for seed in dict.fromkeys([*profile.seeds, *_untrained_seeds(profile)])}
    jobs = [job for world in worlds.values() for job in (*world.data.values(), *world.hard.values())]
    for set_name in profile.data.webvision:
        for method_name in profile.pretrained:
            for seed in profile.seeds:
                world = worlds[seed]
                jobs += Run(profile, set_name, method_name, seed, world.data, world.hard).jobs()
    for method_name, method in profile.released.items():
        seed = profile.seeds[0]
        world, place = worlds[seed], slug(method.pretrained_on)
        jobs += Release(profile, place, method_name, seed, world.data, world.hard).jobs()
    for method_name in profile.untrained:
        for seed in _untrained_seeds(profile):
            jobs += _untrained(profile, method_name, seed, worlds[seed].data)
    return _with_instructions(jobs, profile.instructions)


@dataclass(frozen=True)
class _World:
    """The data that the runs of a seed share; in a miniature, every seed builds its own.

    Attributes:
        data: the job that builds them, by its role; none where data sets lie on disk.
        hard: the same of the hard images that a reference model chooses.
    """

    data: Needs
    hard: Needs

    @classmethod
    def of(cls, profile: Profile, seed: int) -> "_World":
        """The world of a seed."""
        data = _miniature(profile, seed)
        return cls(data, _hard_images(profile, seed, data))


def _with_instructions(jobs: list[Job], instructions: Instructions | None) -> list[Job]:
    """The same jobs, computed with certain instructions; what a job needs stands before it."""
    changed: dict[str, Job] = {}
    for job in jobs:
        needs = {role: changed[needed.name] for role, needed in job.needs.items()}
        changed[job.name] = replace(job, needs=needs, instructions=instructions)
    return list(changed.values())


def _untrained_seeds(profile: Profile) -> tuple[int, ...]:
    detection = profile.evaluate.detection if profile.untrained else None
    return detection.untrained_seeds if detection else ()


def _untrained(profile: Profile, method_name: str, seed: int, data: Needs) -> list[Job]:
    """A backbone as it is initialised, and what detection makes of it."""
    place = f"{method_name}/{NOTHING}/seed{seed}"
    tags = {"method": method_name, "set": NOTHING, "seed": str(seed), "evaluation": "untrained"}
    config = {"seed": seed, "backbone": values(profile.pretrain.backbone)}
    checkpoint = Job(f"untrained/{place}", "pretrain.untrained:run", config, tags=tags)
    return [checkpoint, *detections(profile, seed, {**data, "checkpoint": checkpoint}, place, tags)]


def _miniature(profile: Profile, seed: int) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config, resources = {"seed": seed, **values(profile.miniature)}, profile.resources.miniature
    tags = {"seed": str(seed)}
    job = Job(f"{MINIATURE}/seed{seed}", "data.miniature.build:run", config, resources=resources, tags=tags)
    return {"data": job}


def _hard_images(profile: Profile, seed: int, data: Needs) -> dict[str, Job]:
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
    return {"hard": Job(name, "robustness.hard_images:run", config, options, data, resources, tags, reads)}
