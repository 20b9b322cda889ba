"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each."""

from typing import Any

from core.config import Config
from data.miniature.classes import IMAGENET_CLASSES
from pretrain.config import MethodConfig, MoProConfig
from profiles.schema import Profile, WebVisionSet
from slurm.jobs import Job

VOC_CLASSES = 20


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first."""
    data = _miniature(profile)
    hard = _hard_images(profile, data)
    jobs = [*data.values(), *hard.values()]
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
                    *_retraining(profile, training_set, checkpoint, place, tags, data),
                ]
                if training_set.shares_imagenet_classes:
                    jobs += _robustness(profile, training_set, place, tags, data | {"checkpoint": checkpoint}, hard)
    return jobs


def _miniature(profile: Profile) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config = _values(profile.miniature)
    job = Job("miniature", "data.miniature.build:run", config, resources=profile.resources.miniature)
    return {"data": job}


def _hard_images(profile: Profile, data: dict[str, Job]) -> dict[str, Job]:
    if profile.hard_images is None:
        return {}
    config = {
        "imagenet": profile.data.imagenet,
        "classes": len(IMAGENET_CLASSES),
        **_values(profile.hard_images),
        "views": _values(profile.pretrain.views),
        "view": _values(profile.evaluate.accuracy.view),
        "arithmetic": _values(profile.pretrain.arithmetic),
        "batch_size": profile.evaluate.batch_size,
    }
    options = {"runtime": _values(profile.pretrain.runtime), "workers": profile.evaluate.workers}
    stage = "robustness.hard_images:run"
    return {"hard": Job("hard-images", stage, config, options, data, profile.resources.miniature)}


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


def _retraining(
    profile: Profile,
    training_set: WebVisionSet,
    checkpoint: Job,
    place: str,
    tags: dict[str, str],
    data: dict[str, Job],
) -> list[Job]:
    """Noise cleaning, re-training, the new classifier's accuracy: for MoPro, where the profile asks for them."""
    if profile.retrain is None or checkpoint.config["method"]["objective"] != "mopro":
        return []
    accuracy = profile.evaluate.accuracy
    trained = {key: checkpoint.config[key] for key in ("webvision", "classes", "backbone")}
    needs = data | {"checkpoint": checkpoint}
    cleaning = Job(
        f"cleaning/{place}",
        "pretrain.cleaning:run",
        trained
        | {
            "method": checkpoint.config["method"],
            "view": _values(accuracy.view),
            "batch_size": profile.evaluate.batch_size,
        },
        {"workers": profile.evaluate.workers},
        needs,
        profile.resources.evaluate,
        tags | {"evaluation": "cleaning"},
    )
    view = accuracy.view if profile.retrain.view == "centre" else profile.pretrain.views
    retraining = Job(
        f"retraining/{place}",
        "pretrain.retraining:run",
        trained
        | {
            "seed": checkpoint.config["seed"],
            "view": _values(view),
            "schedule": _values(profile.retrain.schedule),
            "arithmetic": checkpoint.config["arithmetic"],
        },
        checkpoint.options,
        needs | {"cleaning": cleaning},
        profile.resources.retrain,
        tags | {"evaluation": "retraining"},
    )
    retrained = data | {"checkpoint": retraining}
    return [cleaning, retraining, *_accuracies(profile, training_set, place, tags, retrained, "-retrained")]


def _accuracies(
    profile: Profile,
    training_set: WebVisionSet,
    place: str,
    tags: dict[str, str],
    needs: dict[str, Job],
    suffix: str,
) -> list[Job]:
    """The accuracy of the classifier that ``needs`` hold; the suffix tells it from the others of its place."""
    evaluate = profile.evaluate
    folders = {"webvision": training_set.folder}
    if training_set.shares_imagenet_classes:
        folders["imagenet"] = profile.data.imagenet
    return [
        Job(
            f"accuracy-{layout}{suffix}/{place}",
            "pretrain.accuracy:run",
            {
                "backbone": _values(profile.pretrain.backbone),
                "batch_size": evaluate.batch_size,
                "view": _values(evaluate.accuracy.view),
                "layout": layout,
                "folder": folders[layout],
                "classes": training_set.classes,
            },
            {"workers": evaluate.workers},
            needs,
            profile.resources.evaluate,
            tags | {"evaluation": f"accuracy-{layout}{suffix}"},
        )
        for layout in evaluate.accuracy.sets
        if layout in folders
    ]


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

    jobs = _accuracies(profile, training_set, place, tags, needs, "")
    if evaluate.lowshot_voc07:
        config = {"seed": seed, "folder": profile.data.voc07, "classes": VOC_CLASSES}
        jobs.append(job("lowshot-voc07", "transfer.voc07:run", config | _values(evaluate.lowshot_voc07)))
    if evaluate.lowshot_places205 and profile.data.places205:
        config = {"seed": seed, **_values(profile.data.places205), **_values(evaluate.lowshot_places205)}
        jobs.append(job("lowshot-places205", "transfer.places205:run", config))
    return jobs


def _robustness(
    profile: Profile,
    training_set: WebVisionSet,
    place: str,
    tags: dict[str, str],
    needs: dict[str, Job],
    hard: dict[str, Job],
) -> list[Job]:
    evaluate, data = profile.evaluate, profile.data
    if evaluate.robustness is None:
        return []
    jobs = []
    for name, variant, chosen in (("imagenet-r", data.imagenet_r, {}), ("imagenet-a", data.imagenet_a, hard)):
        if variant is None:
            continue
        config = {
            "backbone": _values(profile.pretrain.backbone),
            "batch_size": evaluate.batch_size,
            **_values(variant),
            "role": "hard" if chosen else "data",
            "imagenet": data.imagenet,
            "imagenet_classes": training_set.classes,
            **_values(evaluate.robustness),
        }
        evaluation = f"robustness-{name}"
        jobs.append(
            Job(
                f"{evaluation}/{place}",
                "robustness.evaluation:run",
                config,
                {"workers": evaluate.workers},
                needs | chosen,
                profile.resources.evaluate,
                tags | {"evaluation": evaluation},
            )
        )
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
