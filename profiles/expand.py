"""From a profile to jobs: pretraining for every method, training set and seed, then every evaluation of each.

A released method is not pretrained: it has one run, whatever the training sets and seeds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.config import Config
from core.instructions import Instructions
from data.miniature.classes import IMAGENET_CLASSES
from pretrain.config import MoProConfig
from profiles.schema import Profile, ProfileMethod, ReleasedMethod, WebVisionSet
from slurm.jobs import Job, Resources

VOC_CLASSES = 20
RELEASED_CLASSES = 1000
MINIATURE, HARD_IMAGES = "miniature", "hard-images"  # kinds of the jobs that make a world

Needs = Mapping[str, Job]


def jobs_of(profile: Profile) -> list[Job]:
    """All jobs of the profile, what is needed first."""
    worlds = {seed: _World.of(profile, seed) for seed in dict.fromkeys([*profile.seeds, *_untrained_seeds(profile)])}
    jobs = [job for world in worlds.values() for job in (*world.data.values(), *world.hard.values())]
    trained, released = _by_origin(profile)
    for set_name in profile.data.webvision:
        for method_name in trained:
            for seed in profile.seeds:
                world = worlds[seed]
                jobs += _Run(profile, set_name, method_name, seed, world.data, world.hard).jobs()
    for method_name, method in released.items():
        seed = profile.seeds[0]
        world, place = worlds[seed], _slug(method.pretrained_on)
        jobs += _Release(profile, place, method_name, seed, world.data, world.hard).jobs()
    for seed in _untrained_seeds(profile):
        jobs += _untrained(profile, seed, worlds[seed].data)
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


def _by_origin(profile: Profile) -> tuple[list[str], dict[str, ReleasedMethod]]:
    released = {name: method for name, method in profile.methods.items() if isinstance(method, ReleasedMethod)}
    return [name for name in profile.methods if name not in released], released


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-")


def _untrained_seeds(profile: Profile) -> tuple[int, ...]:
    return profile.evaluate.detection.untrained_seeds if profile.evaluate.detection else ()


def _untrained(profile: Profile, seed: int, data: Needs) -> list[Job]:
    """A backbone as it is initialised, and what detection makes of it."""
    place = f"random/none/seed{seed}"
    tags = {"method": "random", "set": "none", "seed": str(seed), "evaluation": "untrained"}
    config = {"seed": seed, "backbone": _values(profile.pretrain.backbone)}
    checkpoint = Job(f"untrained/{place}", "pretrain.untrained:run", config, tags=tags)
    return [checkpoint, *_detections(profile, seed, {**data, "checkpoint": checkpoint}, place, tags)]


def _detections(profile: Profile, seed: int, needs: Needs, place: str, tags: Mapping[str, str]) -> list[Job]:
    """One job for each schedule; ``place`` and ``tags`` are those of the checkpoint that ``needs`` hold."""
    if profile.evaluate.detection is None or profile.data.coco is None:
        return []
    constants = _values(profile.evaluate.detection)
    options = {"runtime": constants.pop("runtime")}
    schedules = constants.pop("schedules")
    del constants["untrained_seeds"]
    shared = {
        "seed": seed,
        "coco": profile.data.coco.folder,
        "classes": profile.data.coco.classes,
        "backbone": _values(profile.pretrain.backbone),
        **constants,
    }
    return [
        Job(
            f"detection-{name}/{place}",
            "transfer.detection:run",
            shared | {"schedule": schedule},
            options,
            needs,
            profile.resources.detection,
            {**tags, "evaluation": f"detection-{name}"},
        )
        for name, schedule in schedules.items()
    ]


def _miniature(profile: Profile, seed: int) -> dict[str, Job]:
    if profile.miniature is None:
        return {}
    config, resources = {"seed": seed, **_values(profile.miniature)}, profile.resources.miniature
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
        **_values(profile.hard_images),
        "views": _values(profile.pretrain.views),
        "view": _values(profile.evaluate.accuracy.view),
        "arithmetic": _values(profile.pretrain.arithmetic),
        "batch_size": profile.evaluate.batch_size,
    }
    options = {"runtime": _values(profile.pretrain.runtime), "workers": profile.evaluate.workers}
    tags, resources = {"seed": str(seed)}, profile.resources.miniature
    job = Job(f"{HARD_IMAGES}/seed{seed}", "robustness.hard_images:run", config, options, data, resources, tags)
    return {"hard": job}


@dataclass(frozen=True)
class _Run:
    """One pretraining run: a method on a training set with a seed. Its jobs share place and tags."""

    profile: Profile
    set_name: str
    method_name: str
    seed: int
    data: Needs
    hard: Needs

    @property
    def training_set(self) -> WebVisionSet:
        return self.profile.data.webvision[self.set_name]

    @property
    def tagged_seed(self) -> int:
        """The seed in names and tags."""
        return self.seed

    @property
    def method(self) -> ProfileMethod:
        """The method, with the threshold of the training set where that has its own."""
        method, threshold = self.profile.methods[self.method_name], self.training_set.threshold
        if isinstance(method, MoProConfig) and threshold is not None:
            return method.model_copy(update={"threshold": threshold})
        return method

    def jobs(self) -> list[Job]:
        checkpoint = self.pretraining()
        needs = {**self.data, "checkpoint": checkpoint}
        return [
            checkpoint,
            *self.accuracies(needs, ""),
            *self.lowshots(needs),
            *self.finetunings(needs),
            *self.retraining(needs),
            *self.robustness(needs),
            *self.memorisation(needs),
            *_detections(self.profile, self.seed, needs, self._place, self._tags),
        ]

    def pretraining(self) -> Job:
        constants = _values(self.profile.pretrain)
        options = {"runtime": constants.pop("runtime")}
        config = {
            "seed": self.seed,
            **self._trained_on,
            "method": _values(self.method),
            **constants,
        }
        return self._job("pretrain", "pretrain.stage:run", config, options, self.data, self.profile.resources.pretrain)

    def accuracies(self, needs: Needs, suffix: str) -> list[Job]:
        """The accuracy of the classifier that ``needs`` hold; the suffix tells it from the run's other classifier."""
        folders = {"webvision": self.training_set.folder}
        if self.training_set.shares_imagenet_classes:
            folders["imagenet"] = self.profile.data.imagenet
        accuracy = self.profile.evaluate.accuracy
        return [
            self._evaluation(
                f"accuracy-{layout}{suffix}",
                "pretrain.accuracy:run",
                {
                    "view": _values(accuracy.view),
                    "layout": layout,
                    "folder": folders[layout],
                    "classes": self.training_set.classes,
                },
                needs,
            )
            for layout in accuracy.sets
            if folders.get(layout)
        ]

    def lowshots(self, needs: Needs) -> list[Job]:
        data, evaluate = self.profile.data, self.profile.evaluate
        jobs = []
        if evaluate.lowshot_voc07:
            config = {"seed": self.seed, "folder": data.voc07, "classes": VOC_CLASSES}
            config |= _values(evaluate.lowshot_voc07)
            jobs.append(self._evaluation("lowshot-voc07", "transfer.voc07:run", config, needs))
        if evaluate.lowshot_places205 and data.places205:
            config = {"seed": self.seed, **_values(data.places205), **_values(evaluate.lowshot_places205)}
            jobs.append(self._evaluation("lowshot-places205", "transfer.places205:run", config, needs))
        return jobs

    def finetunings(self, needs: Needs) -> list[Job]:
        evaluate = self.profile.evaluate
        if evaluate.finetune is None:
            return []
        constants = _values(evaluate.finetune)
        subsets = constants.pop("subsets")
        options = {"runtime": constants.pop("runtime"), "workers": evaluate.workers}
        config = {
            "seed": self.seed,
            "imagenet": self.profile.data.imagenet,
            "keep_classifier": self.training_set.shares_imagenet_classes,
            **self._shown,
            **constants,
        }
        resources = self.profile.resources.finetune
        return [
            self._job(
                f"finetune-{name}", "transfer.finetuning:run", config | {"subset": subset}, options, needs, resources
            )
            for name, subset in subsets.items()
        ]

    def retraining(self, needs: Needs) -> list[Job]:
        """Noise cleaning, re-training, the new classifier's accuracy: for MoPro, where the profile asks for them."""
        retrain, views = self.profile.retrain, self.profile.pretrain.views
        if retrain is None or not isinstance(self.method, MoProConfig):
            return []
        centre = self.profile.evaluate.accuracy.view
        trained = {"webvision": self.training_set.folder, "classes": self.training_set.classes}
        cleaning = self._evaluation(
            "cleaning",
            "pretrain.cleaning:run",
            self._trained_on | {"method": _values(self.method), "view": _values(centre)},
            needs,
        )
        config = trained | {
            "seed": self.seed,
            "backbone": _values(self.profile.pretrain.backbone),
            "view": _values(centre if retrain.view == "centre" else views),
            "schedule": _values(retrain.schedule),
            "arithmetic": _values(self.profile.pretrain.arithmetic),
        }
        retraining = self._job(
            "retraining",
            "pretrain.retraining:run",
            config,
            {"runtime": _values(self.profile.pretrain.runtime)},
            {**needs, "cleaning": cleaning},
            self.profile.resources.retrain,
        )
        return [cleaning, retraining, *self.accuracies({**self.data, "checkpoint": retraining}, "-retrained")]

    def robustness(self, needs: Needs) -> list[Job]:
        """ImageNet-R and ImageNet-A, for classifiers of ImageNet's classes; chosen hard images serve as ImageNet-A."""
        data, robustness = self.profile.data, self.profile.evaluate.robustness
        if robustness is None or not self.training_set.shares_imagenet_classes:
            return []
        nothing: Needs = {}
        variants = (("imagenet-r", data.imagenet_r, nothing), ("imagenet-a", data.imagenet_a, self.hard))
        return [
            self._evaluation(
                f"robustness-{name}",
                "robustness.evaluation:run",
                {
                    **_values(variant),
                    "role": "hard" if chosen else "data",
                    "imagenet": data.imagenet,
                    "imagenet_classes": self.training_set.classes,
                    **_values(robustness),
                },
                {**needs, **chosen},
            )
            for name, variant, chosen in variants
            if variant is not None
        ]

    def memorisation(self, needs: Needs) -> list[Job]:
        """The pretraining once more, watched, for the methods that the profile names."""
        memorisation, checkpoint = self.profile.evaluate.memorisation, needs["checkpoint"]
        if memorisation is None or self.method_name not in memorisation.methods:
            return []
        config = {
            **checkpoint.config,
            "imagenet": self.profile.data.imagenet,
            "view": _values(memorisation.view),
            "batch_size": self.profile.evaluate.batch_size,
        }
        options = {**checkpoint.options, "workers": self.profile.evaluate.workers}
        resources = self.profile.resources.pretrain
        return [self._job("memorisation", "pretrain.memorisation:run", config, options, needs, resources)]

    @property
    def _trained_on(self) -> dict[str, Any]:
        """The training set; what a set doesn't have is not named, so that it changes no identity."""
        training_set = self.training_set
        part = {
            "subset": training_set.subset and _values(training_set.subset),
            "exclusions": training_set.exclusions,
        }
        chosen = {key: value for key, value in part.items() if value is not None}
        return {"webvision": training_set.folder, "classes": training_set.classes, **chosen}

    @property
    def _shown(self) -> dict[str, Any]:
        """What every evaluation is told about the checkpoint and its batches."""
        backbone = _values(self.profile.pretrain.backbone)
        return {"backbone": backbone, "batch_size": self.profile.evaluate.batch_size}

    def _evaluation(self, kind: str, stage: str, config: dict[str, Any], needs: Needs) -> Job:
        options = {"workers": self.profile.evaluate.workers}
        return self._job(kind, stage, self._shown | config, options, needs, self.profile.resources.evaluate)

    def _job(
        self,
        kind: str,
        stage: str,
        config: dict[str, Any],
        options: dict[str, Any],
        needs: Needs,
        resources: Resources,
    ) -> Job:
        tags = {**self._tags, "evaluation": kind}
        return Job(f"{kind}/{self._place}", stage, config, options, needs, resources, tags)

    @property
    def _place(self) -> str:
        return f"{self.method_name}/{self.set_name}/seed{self.tagged_seed}"

    @property
    def _tags(self) -> dict[str, str]:
        return {"method": self.method_name, "set": self.set_name, "seed": str(self.tagged_seed)}


@dataclass(frozen=True)
class _Release(_Run):
    """The one run of a released method: ``set_name`` is what it was pretrained on, ``seed`` that of draws."""

    @property
    def release(self) -> ReleasedMethod:
        method = self.method
        assert isinstance(method, ReleasedMethod)
        return method

    @property
    def training_set(self) -> WebVisionSet:
        """What evaluations ask about the training set: ImageNet's classes, and where web images of them lie."""
        sets = self.profile.data.webvision.values()
        folders = [part.folder for part in sets if part.shares_imagenet_classes and part.classes == RELEASED_CLASSES]
        return WebVisionSet(
            folder=folders[0] if folders else "",
            classes=RELEASED_CLASSES,
            shares_imagenet_classes=self.release.classifier != "none",
        )

    @property
    def method(self) -> ProfileMethod:
        return self.profile.methods[self.method_name]

    @property
    def tagged_seed(self) -> int:
        return 0

    def pretraining(self) -> Job:
        config = self.release.model_dump(mode="json", exclude={"objective", "pretrained_on"})
        config["backbone"] = _values(self.profile.pretrain.backbone)
        # The content identifies a file where its digest is known; then it may lie anywhere.
        options = {"file": config.pop("file")} if self.release.sha256 else {}
        return self._job("released", "pretrain.released:run", config, options, self.data, Resources())

    def accuracies(self, needs: Needs, suffix: str) -> list[Job]:
        return [] if self.release.classifier == "none" else super().accuracies(needs, suffix)

    def finetunings(self, needs: Needs) -> list[Job]:
        """None where ImageNet's labels have all been seen; what has no classifier starts with a fresh one."""
        return [] if self.release.classifier == "imagenet" else super().finetunings(needs)


def _values(config: Config) -> dict[str, Any]:
    """The plain JSON values of a configuration."""
    return config.model_dump(mode="json")
