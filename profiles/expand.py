"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each."""

from pretrain.config import MethodConfig, MoProConfig
from profiles.schema import Profile, WebVisionSet
from slurm.jobs import Job, Resources

VOC_CLASSES = 20


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first."""
    data = _miniature(profile)
    jobs = list(data.values())
    for set_name, training_set in profile.data.webvision.items():
        for method_name, method in profile.methods.items():
            for seed in profile.seeds:
                place = f"{method_name}/{set_name}/seed{seed}"
                tags = {"method": method_name, "set": set_name, "seed": str(seed)}
                checkpoint = _pretraining(profile, training_set, method, seed, place, tags, data)
                jobs += [
                    checkpoint,
                    *_evaluations(profile, training_set, seed, place, tags, data | {"checkpoint": checkpoint}),
                ]
    return jobs


def _miniature(profile: Profile) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config = profile.miniature.model_dump(mode="json")
    job = Job("miniature", "data.miniature.build:run", config, resources=profile.resources.miniature)
    return {"data": job}


def _pretraining(
    profile: Profile,
    training_set: WebVisionSet,
    method: MethodConfig,
    seed: int,
    place: str,
    tags: dict[str, str],
    data: dict[str, Job],
) -> Job:
    if isinstance(method, MoProConfig) and training_set.threshold is not None:
        method = method.model_copy(update={"threshold": training_set.threshold})
    constants = profile.pretrain.model_dump(mode="json")
    runtime = constants.pop("runtime")
    config = {
        "seed": seed,
        "webvision": training_set.folder,
        "classes": training_set.classes,
        "method": method.model_dump(mode="json"),
        **constants,
    }
    return Job(
        f"pretrain/{place}",
        "pretrain.stage:run",
        config,
        {"runtime": runtime},
        data,
        profile.resources.pretrain,
        tags | {"evaluation": "pretrain"},
    )


def _evaluations(
    profile: Profile, training_set: WebVisionSet, seed: int, place: str, tags: dict[str, str], needs: dict[str, Job]
) -> list[Job]:
    evaluate = profile.evaluate
    shown = {
        "backbone": profile.pretrain.backbone.model_dump(mode="json"),
        "batch_size": evaluate.batch_size,
    }
    options = {"workers": evaluate.workers}
    resources: Resources = profile.resources.evaluate

    def job(evaluation: str, stage: str, config: dict) -> Job:
        name = f"{evaluation}/{place}"
        return Job(name, stage, shown | config, options, needs, resources, tags | {"evaluation": evaluation})

    folders = {"webvision": training_set.folder, "imagenet": profile.data.imagenet}
    view = evaluate.accuracy.view.model_dump(mode="json")
    jobs = [
        job(
            f"accuracy-{layout}",
            "pretrain.accuracy:run",
            {"layout": layout, "folder": folders[layout], "classes": training_set.classes, "view": view},
        )
        for layout in evaluate.accuracy.sets
    ]
    if evaluate.lowshot_voc07:
        lowshot = evaluate.lowshot_voc07.model_dump(mode="json")
        config = {"seed": seed, "folder": profile.data.voc07, "classes": VOC_CLASSES, **lowshot}
        jobs.append(job("lowshot-voc07", "transfer.lowshot:run", config))
    return jobs
