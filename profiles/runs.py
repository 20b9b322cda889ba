"""The jobs of one checkpoint: how it comes about, and every evaluation of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.config import Config
from data.config import ListedSubset
from data.synsets import is_published
from pretrain.methods.method import Method
from pretrain.methods.registry import job_values
from profiles.data_section import ImageNetVariant
from profiles.schema import RELEASED_CLASSES, Profile, ReleasedMethod
from slurm.jobs import Job, Resources, Source
from transfer.config import DETECTION_PACKAGES

VOC_CLASSES = 20

Needs = Mapping[str, Job]


def values(config: Config) -> dict[str, Any]:
    """The plain JSON values of a configuration."""
    return config.model_dump(mode="json")


def detections(profile: Profile, seed: int, needs: Needs, place: str, tags: Mapping[str, str]) -> list[Job]:
    """One job for each schedule; ``place`` and ``tags`` are those of the checkpoint that ``needs`` hold."""
    if profile.evaluate.detection is None or profile.data.coco is None:
        return []
    constants = values(profile.evaluate.detection)
    options = {"runtime": constants.pop("runtime")}
    schedules = constants.pop("schedules")
    del constants["untrained_seeds"]
    if constants["operators"] == "compiled":  # what was done before there was a choice stays done
        del constants["operators"]
    shared = {
        "seed": seed,
        "coco": profile.data.coco.folder,
        "classes": profile.data.coco.classes,
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
            (Source("data.coco.folder", profile.data.coco.folder),),
            DETECTION_PACKAGES,
        )
        for name, schedule in schedules.items()
    ]


@dataclass(frozen=True)
class Run:
    """One pretraining run: a method on a training set with a seed. Its jobs share place and tags."""

    profile: Profile
    set_name: str
    method_name: str
    seed: int
    data: Needs
    hard: Needs

    @property
    def classes(self) -> int:
        """Of the classifier."""
        return self.profile.data.webvision[self.set_name].classes

    @property
    def shares_imagenet_classes(self) -> bool:
        """Whether the classifier serves ImageNet too."""
        return self.profile.data.webvision[self.set_name].shares_imagenet_classes

    @property
    def web_images(self) -> Source | None:
        """Where images with the classifier's classes lie, in WebVision's layout."""
        return Source(f"data.webvision.{self.set_name}.folder", self.profile.data.webvision[self.set_name].folder)

    @property
    def trained_on(self) -> tuple[dict[str, Any], tuple[Source, ...]]:
        """The training set, and what of it lies on disk; what a set doesn't have is not named, and no identity new."""
        key, part = f"data.webvision.{self.set_name}", self.profile.data.webvision[self.set_name]
        config: dict[str, Any] = {"webvision": part.folder, "classes": part.classes}
        reads = [Source(f"{key}.folder", part.folder)]
        if part.subset is not None:
            config["subset"] = values(part.subset)
        if part.exclusions is not None:
            config["exclusions"] = part.exclusions
            reads.append(Source(f"{key}.exclusions", part.exclusions, "list"))
        return config, tuple(reads)

    @property
    def tagged_seed(self) -> int:
        """The seed in names and tags."""
        return self.seed

    @property
    def method(self) -> Method:
        """The method, with the threshold of the training set where both have one."""
        method, threshold = (
            self.profile.pretrained[self.method_name],
            self.profile.data.webvision[self.set_name].threshold,
        )
        return method if threshold is None else method.with_own({"threshold": threshold})

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
            *detections(self.profile, self.seed, needs, self._place, self._tags),
        ]

    def pretraining(self) -> Job:
        constants = values(self.profile.pretrain)
        method, options = job_values(self.method)
        options["runtime"] = constants.pop("runtime")
        trained_on, reads = self.trained_on
        config = {"seed": self.seed, **trained_on, **method, **constants}
        resources = self.profile.resources.pretrain
        return self._job("pretrain", "pretrain.stage:run", config, options, self.data, resources, reads)

    def accuracies(self, needs: Needs, suffix: str) -> list[Job]:
        """The accuracy of the classifier that ``needs`` hold; the suffix tells it from the run's other classifier."""
        folders = {"webvision": self.web_images}
        if self.shares_imagenet_classes:
            folders["imagenet"] = Source("data.imagenet", self.profile.data.imagenet)
        accuracy = self.profile.evaluate.accuracy
        return [
            self._evaluation(
                f"accuracy-{layout}{suffix}",
                "pretrain.accuracy:run",
                {
                    "view": values(accuracy.view),
                    "layout": layout,
                    "folder": folder.path,
                    "classes": self.classes,
                },
                needs,
                folder,
            )
            for layout in accuracy.sets
            if (folder := folders.get(layout))
        ]

    def lowshots(self, needs: Needs) -> list[Job]:
        data, evaluate = self.profile.data, self.profile.evaluate
        jobs = []
        if evaluate.lowshot_voc07:
            config = {"seed": self.seed, "folder": data.voc07, "classes": VOC_CLASSES}
            config |= values(evaluate.lowshot_voc07)
            read = Source("data.voc07", data.voc07)
            jobs.append(self._evaluation("lowshot-voc07", "transfer.voc07:run", config, needs, read))
        if evaluate.lowshot_places205 and data.places205:
            config = {"seed": self.seed, **values(data.places205), **values(evaluate.lowshot_places205)}
            read = Source("data.places205.folder", data.places205.folder)
            jobs.append(self._evaluation("lowshot-places205", "transfer.places205:run", config, needs, read))
        return jobs

    def finetunings(self, needs: Needs) -> list[Job]:
        evaluate = self.profile.evaluate
        if evaluate.finetune is None:
            return []
        constants = values(evaluate.finetune)
        del constants["subsets"]
        options = {"runtime": constants.pop("runtime"), "workers": evaluate.workers}
        config = {
            "seed": self.seed,
            "imagenet": self.profile.data.imagenet,
            "keep_classifier": self.shares_imagenet_classes,
            "batch_size": evaluate.batch_size,
            **constants,
        }
        resources = self.profile.resources.finetune
        jobs = []
        for name, subset in evaluate.finetune.subsets.items():
            reads = [Source("data.imagenet", self.profile.data.imagenet)]
            if isinstance(subset, ListedSubset):
                reads.append(Source(f"evaluate.finetune.subsets.{name}.file", subset.file, "list"))
            of_subset = config | {"subset": values(subset)}
            jobs.append(
                self._job(f"finetune-{name}", "transfer.finetuning:run", of_subset, options, needs, resources, reads)
            )
        return jobs

    def retraining(self, needs: Needs) -> list[Job]:
        """Noise cleaning, re-training, the new classifier's accuracy: for MoPro that corrects, where asked for."""
        retrain, views, method = self.profile.retrain, self.profile.pretrain.views, self.method
        corrects_from = method.corrects_labels_from
        if retrain is None or corrects_from is None or corrects_from >= self.profile.pretrain.schedule.epochs:
            return []
        centre = self.profile.evaluate.accuracy.view
        trained_on, reads = self.trained_on
        cleaning = self._evaluation(
            "cleaning",
            "pretrain.methods.mopro.cleaning:run",
            trained_on | {"method": method.constants(), "view": values(centre)},
            needs,
            *reads,
        )
        config = {
            "webvision": trained_on["webvision"],
            "classes": trained_on["classes"],
            "seed": self.seed,
            "view": values(centre if retrain.view == "centre" else views),
            "schedule": values(retrain.schedule),
            "arithmetic": values(self.profile.pretrain.arithmetic),
        }
        retraining = self._job(
            "retraining",
            "pretrain.methods.mopro.retraining:run",
            config,
            {"runtime": values(self.profile.pretrain.runtime)},
            {**needs, "cleaning": cleaning},
            self.profile.resources.retrain,
            reads[:1],  # what is left out of the training set, cleaning has left out
        )
        return [cleaning, retraining, *self.accuracies({**self.data, "checkpoint": retraining}, "-retrained")]

    def robustness(self, needs: Needs) -> list[Job]:
        """ImageNet-R and ImageNet-A, for classifiers of ImageNet's classes; chosen hard images serve as ImageNet-A."""
        data, robustness = self.profile.data, self.profile.evaluate.robustness
        if robustness is None or not self.shares_imagenet_classes:
            return []
        nothing: Needs = {}
        variants = (("imagenet-r", data.imagenet_r, nothing), ("imagenet-a", data.imagenet_a, self.hard))
        return [
            self._evaluation(
                f"robustness-{name}",
                "robustness.evaluation:run",
                {
                    **values(variant),
                    "role": "hard" if chosen else "data",
                    **(
                        {"classes": name}
                        if is_published(variant.classes, self.classes)
                        else {"imagenet": data.imagenet}
                    ),
                    "imagenet_classes": self.classes,
                    **values(robustness),
                },
                {**needs, **chosen},
                *self._read_for(f"data.{name.replace('-', '_')}.folder", variant),
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
            "view": values(memorisation.view),
            "batch_size": self.profile.evaluate.batch_size,
        }
        options = {**checkpoint.options, "workers": self.profile.evaluate.workers}
        reads = (*checkpoint.reads, Source("data.imagenet", self.profile.data.imagenet))
        resources = self.profile.resources.pretrain
        return [self._job("memorisation", "pretrain.memorisation:run", config, options, needs, resources, reads)]

    def _read_for(self, key: str, variant: ImageNetVariant) -> list[Source]:
        """The variant; ImageNet only where it has to say which classes those are, as is known of the published ones."""
        reads = [Source(key, variant.folder)]
        if not is_published(variant.classes, self.classes):
            reads.append(Source("data.imagenet", self.profile.data.imagenet))
        return reads

    def _evaluation(self, kind: str, stage: str, config: dict[str, Any], needs: Needs, *reads: Source) -> Job:
        config = {"batch_size": self.profile.evaluate.batch_size, **config}
        options = {"workers": self.profile.evaluate.workers}
        return self._job(kind, stage, config, options, needs, self.profile.resources.evaluate, reads)

    def _job(
        self,
        kind: str,
        stage: str,
        config: dict[str, Any],
        options: dict[str, Any],
        needs: Needs,
        resources: Resources,
        reads: Iterable[Source],
    ) -> Job:
        tags = {**self._tags, "evaluation": kind}
        return Job(f"{kind}/{self._place}", stage, config, options, needs, resources, tags, tuple(reads))

    @property
    def _place(self) -> str:
        return f"{self.method_name}/{self.set_name}/seed{self.tagged_seed}"

    @property
    def _tags(self) -> dict[str, str]:
        return {"method": self.method_name, "set": self.set_name, "seed": str(self.tagged_seed)}


@dataclass(frozen=True)
class Release(Run):
    """The one run of a released method: ``set_name`` is what it was pretrained on, ``seed`` that of draws."""

    @property
    def release(self) -> ReleasedMethod:
        return self.profile.released[self.method_name]

    @property
    def classes(self) -> int:
        return RELEASED_CLASSES

    @property
    def shares_imagenet_classes(self) -> bool:
        return self.release.classifier != "none"

    @property
    def web_images(self) -> Source | None:
        """Those of the first set with ImageNet's classes."""
        for name, part in self.profile.data.webvision.items():
            if part.shares_imagenet_classes and part.classes == RELEASED_CLASSES:
                return Source(f"data.webvision.{name}.folder", part.folder)
        return None

    @property
    def tagged_seed(self) -> int:
        return 0

    def pretraining(self) -> Job:
        config = self.release.model_dump(mode="json", exclude={"objective", "pretrained_on", "title", "published"})
        config["backbone"] = values(self.profile.pretrain.backbone)
        # The content identifies a file where its digest is known; then it may lie anywhere.
        options = {"file": config.pop("file")} if self.release.sha256 else {}
        reads = (Source(f"methods.{self.method_name}.file", self.release.file, "checkpoint"),)
        return self._job("released", "pretrain.released:run", config, options, self.data, Resources(), reads)

    def retraining(self, needs: Needs) -> list[Job]:
        """None: nobody knows what it was trained on."""
        return []

    def accuracies(self, needs: Needs, suffix: str) -> list[Job]:
        return [] if self.release.classifier == "none" else super().accuracies(needs, suffix)

    def finetunings(self, needs: Needs) -> list[Job]:
        """None where ImageNet's labels have all been seen; what has no classifier starts with a fresh one."""
        return [] if self.release.classifier == "imagenet" else super().finetunings(needs)
