"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each."""

from typing import Any

from core.config import Config
from pretrain.config import MethodConfig, MoProConfig
from profiles.schema import Profile, WebVisionSet
from slurm.jobs import Job

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
                needs = data | {"checkpoint": checkpoint}
                jobs += [
                    checkpoint,
                    *_evaluations(profile, training_set, seed, place, tags, needs),
                    *_finetunings(profile, training_set, seed, place, tags, needs),
                ]
    return jobs


def _miniature(profile: Profile) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config = _values(profile.miniature)
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
    constants = _values(profile.pretrain)
    runtime = constants.pop("runtime")
    config = {
        "seed": seed,
        "webvision": training_set.folder,
        "classes": training_set.classes,
        "method": _values(method),
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
    shown = {"backbone": _values(profile.pretrain.backbone), "batch_size": evaluate.batch_size}

    def job(evaluation: str, stage: str, config: dict[str, Any]) -> Job:
        return Job(
            f"{evaluation}/{place}",
            stage,
            shown | config,
            {"workers": evaluate.workers},
            needs,
            profile.resources.evaluate,
            tags | {"evaluation": evaluation},
        )

    jobs = []
    folders = {"webvision": training_set.folder}
    if training_set.shares_imagenet_classes:
        folders["imagenet"] = profile.data.imagenet
    for layout in evaluate.accuracy.sets:
        if layout in folders:
            config = {"layout": layout, "folder": folders[layout], "classes": training_set.classes}
            view = {"view": _values(evaluate.accuracy.view)}
            jobs.append(job(f"accuracy-{layout}", "pretrain.accuracy:run", config | view))
    if evaluate.lowshot_voc07:
        config = {"seed": seed, "folder": profile.data.voc07, "classes": VOC_CLASSES}
        jobs.append(job("lowshot-voc07", "transfer.lowshot:run", config | _values(evaluate.lowshot_voc07)))
    return jobs


def _finetunings(
    profile: Profile, training_set: WebVisionSet, seed: int, place: str, tags: dict[str, str], needs: dict[str, Job]
) -> list[Job]:
    if profile.evaluate.finetune is None:
        return []
    constants = _values(profile.evaluate.finetune)
    subsets, runtime = constants.pop("subsets"), constants.pop("runtime")
    config = {
        "seed": seed,
        "imagenet": profile.data.imagenet,
        "keep_classifier": training_set.shares_imagenet_classes,
        "backbone": _values(profile.pretrain.backbone),
        "batch_size": profile.evaluate.batch_size,
        **constants,
    }
    return [
        Job(
            f"finetune-{name}/{place}",
            "transfer.finetuning:run",
            config | {"subset": subset},
            {"runtime": runtime, "workers": profile.evaluate.workers},
            needs,
            profile.resources.finetune,
            tags | {"evaluation": f"finetune-{name}"},
        )
        for name, subset in subsets.items()
    ]


def _values(config: Config) -> dict[str, Any]:
    """The plain JSON values of a configuration."""
    return config.model_dump(mode="json")
