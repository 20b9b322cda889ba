"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each.

A released method is not pretrained: it has one run, whatever the training sets and seeds.
"""

from data.miniature.classes import IMAGENET_CLASSES
from profiles.runs import Needs, Release, Run, detections, values
from profiles.schema import UNTRAINED, Profile, slug
from slurm.jobs import Job, Source


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first."""
    data = _miniature(profile)
    hard = _hard_images(profile, data)
    jobs = [*data.values(), *hard.values()]
    for set_name in profile.data.webvision:
        for method_name in profile.methods:
            if method_name not in profile.released:
                for seed in profile.seeds:
                    jobs += Run(profile, set_name, method_name, seed, data, hard).jobs()
    for method_name, method in profile.released.items():
        jobs += Release(profile, slug(method.pretrained_on), method_name, profile.seeds[0], data, hard).jobs()
    return [*jobs, *_untrained(profile, data)]


def _untrained(profile: Profile, data: Needs) -> list[Job]:
    """Backbones as they are initialised, and what detection makes of them."""
    jobs = []
    for seed in profile.evaluate.detection.untrained_seeds if profile.evaluate.detection else ():
        place = f"{UNTRAINED}/none/seed{seed}"
        tags = {"method": UNTRAINED, "set": "none", "seed": str(seed), "evaluation": "untrained"}
        config = {"seed": seed, "backbone": values(profile.pretrain.backbone)}
        checkpoint = Job(f"untrained/{place}", "pretrain.untrained:run", config, tags=tags)
        jobs += [checkpoint, *detections(profile, seed, {**data, "checkpoint": checkpoint}, place, tags)]
    return jobs


def _miniature(profile: Profile) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config = values(profile.miniature)
    return {"data": Job("miniature", "data.miniature.build:run", config, resources=profile.resources.miniature)}


def _hard_images(profile: Profile, data: Needs) -> dict[str, Job]:
    if profile.hard_images is None:
        return {}
    config = {
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
    resources = profile.resources.miniature
    job = Job("hard-images", "robustness.hard_images:run", config, options, data, resources, reads=reads)
    return {"hard": job}
