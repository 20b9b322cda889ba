"""The model behind a profile's YAML file."""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model, model_validator

from core.arithmetic import ProcessArithmetic
from core.config import (
    Config,
    Distinct,
    Named,
    NotNegativeNumber,
    Seed,
    Title,
)
from core.declarations import Evaluation, Table, columns_of, tables_of
from core.discriminated_union import DiscriminatedUnion
from core.instructions import Instructions
from core.user_code import called
from data.config import TrainingViews
from data.declaration import DataSetSpec
from data.miniature.classes import IMAGENET_CLASSES
from data.miniature.config import MiniatureParts
from data.sets.imagenet.spec import SPEC as IMAGENET
from execution.resources import Resources
from pretrain.config import (
    ArithmeticConfig,
    BackboneConfig,
    BuiltFile,
    ReleasedFile,
    RuntimeConfig,
    ScheduleConfig,
)
from pretrain.methods.method import Method, TableRow
from pretrain.methods.registry import BY_OBJECTIVE, own_method, require_declared
from profiles.cost import Throughput
from profiles.data_section import DataSets, with_own_titles
from profiles.evaluation_section import EvaluationSection, own_evaluations, section_with
from profiles.registry import DATA_SETS
from results.claims_section import Claims
from results.plan import NO_SET, check_tables
from results.published import TABLES_OF, read_published
from robustness.spec import ReferenceModel
from slurm.config import SlurmConfig


class Pretraining(Config):
    """What all pretraining jobs share."""

    backbone: BackboneConfig
    views: TrainingViews
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig


class StageResources(Config):
    """Resources of each kind of job."""

    miniature: Resources = Resources()
    pretrain: Resources
    retrain: Resources = Resources()
    evaluate: Resources
    finetune: Resources = Resources()
    detection: Resources = Resources()


def declared(data_set: str, evaluation: Evaluation) -> DataSetSpec:
    """The data set of a key that an evaluation names.

    Raises:
        ValueError: there is none.
    """
    for spec in DATA_SETS:
        if spec.key == data_set:
            return spec
    known = ", ".join(spec.key for spec in DATA_SETS)
    raise ValueError(f"evaluate.{evaluation.key} declares the data set {data_set!a}, expected some of {known}")


def slug(title: str) -> str:
    """A title as a name, such as ``webvision-v1.0``."""
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.")


def _has_a_slug(title: str) -> str:
    if not slug(title):
        raise ValueError(f"found the title {title!a}, expected letters or digits in it")
    return title


class ExternalMethod(TableRow):
    """A checkpoint that somebody else has trained, evaluated beside ours.

    Attributes:
        pretrained_on: the title of what it was pretrained on, such as ``ImageNet``.
    """

    pretrained_on: Annotated[Title, AfterValidator(_has_a_slug)]


class ReleasedMethod(ReleasedFile, ExternalMethod):
    """One whose tensors lie in a file of a known layout."""

    objective: Literal["released"]


class BuiltMethod(BuiltFile, ExternalMethod):
    """One that a function in a user's file builds; it is not trained on."""

    objective: Literal["built"]


class UntrainedMethod(TableRow):
    """Untrained backbones: the baseline of an evaluation without pretraining."""

    objective: Literal["untrained"]


CHECKPOINTS = {  # that are not pretrained here
    "released": ReleasedMethod,
    "built": BuiltMethod,
    "untrained": UntrainedMethod,
}
ProfileMethod = Annotated[
    Method | ReleasedMethod | BuiltMethod | UntrainedMethod,
    DiscriminatedUnion("objective", {**BY_OBJECTIVE, **CHECKPOINTS}, own_method, require_declared),
]


def _published(name: str) -> str:
    if name not in TABLES_OF:
        raise ValueError(f"found {name!a}, expected one of {', '.join(TABLES_OF)}")
    return name


PublishedFigures = Annotated[str, AfterValidator(_published)]


def _nearest(name: str, known: Iterable[str]) -> str:
    return f", the nearest is {difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]!a}"


class Tolerances(Config):
    """How far ours may lie from the paper's and still reproduce it, by table; one number is used for all."""

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dict.fromkeys(cls.model_fields, value)
        return value


class Profile(Config):
    """A reproduction.

    Attributes:
        name: also of its folder below ``runs``.
        compares_with: ``paper`` sets the published figures beside ours; ``claims`` tests those of the profile.
        published: which published figures those are: ``paper``, MoPro's; ``webvision50``, of mini WebVision.
        seeds: of the pretraining runs, and of the worlds where there is a miniature.
        instructions: ``avx2`` holds the numerical libraries to what all x86-64 processors since 2013 have, so that
            figures don't depend on which one it is; null lets them use all.
        arithmetic: of every job, beyond the precision of trainings.
        miniature: what a world holds, where the data are made: each seed builds one of its own, to which the data sets
            are relative.
        hard_images: the reference model that chooses each world's ImageNet-A.
        data: the data sets.
        methods: by name.
        pretrain: hyperparameters that the methods share.
        evaluate: the evaluations.
        claims: what is tested; none where nothing is claimed.
        tolerance: how far, in the unit of each figure, ours may lie from the paper's and still reproduce it.
        throughput: of a stated GPU, for the estimate of costs.
        resources: of each kind of job.
        slurm: how jobs are submitted to a cluster.
    """

    name: str = Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")
    compares_with: Literal["paper", "claims"]
    published: PublishedFigures = "paper"
    seeds: Distinct[tuple[Seed, ...]] = Field(min_length=1)
    instructions: Instructions | None = None
    arithmetic: ProcessArithmetic = ProcessArithmetic()
    miniature: MiniatureParts | None = None
    hard_images: ReferenceModel | None = None
    data: DataSets
    methods: Named[ProfileMethod] = Field(min_length=1)
    pretrain: Pretraining
    evaluate: EvaluationSection
    claims: Claims | None = None
    tolerance: Tolerances
    throughput: Throughput | None = None
    resources: StageResources
    slurm: SlurmConfig = SlurmConfig()

    @model_validator(mode="after")
    def _batch_fits(self) -> "Profile":
        tasks, batch_size = self.resources.pretrain.tasks, self.pretrain.schedule.batch_size
        if batch_size % tasks:
            raise ValueError(f"pretrain.schedule.batch_size {batch_size} is not divisible by {tasks} pretraining tasks")
        for name, method in self.pretrained.items():
            try:
                called(method.require_fitting, self.pretrain.schedule, passing=(ValueError,))
            except ValueError as error:
                raise ValueError(f"methods.{name}.{error}") from None
        return self

    @model_validator(mode="after")
    def _evaluations_fit(self) -> "Profile":
        check_tables(self.tables)
        for evaluation, _ in self.evaluate.sections:
            for key in evaluation.data_sets:
                declared(key, evaluation).require_in(self, f"evaluate.{evaluation.key}")
        self.evaluate.require_fitting(self)
        return self

    @model_validator(mode="after")
    def _rows_can_be_told_apart(self) -> "Profile":
        rows: dict[tuple[str, str], str] = {}
        for name, method in self.methods.items():
            title = method.title or name
            for trained_on, key in self._pretrained_on(name, method):
                twin = rows.setdefault((title, trained_on), key)
                if twin != key:
                    raise ValueError(
                        f"{twin} and {key} would be two rows of the tables, both of {title} on {trained_on}: give one "
                        "of them another title"
                    )
        return self

    def _pretrained_on(self, name: str, method: TableRow) -> list[tuple[str, str]]:
        """The title of each pretraining set of a method, with the key of its row's title."""
        if isinstance(method, ExternalMethod):
            return [(method.pretrained_on, f"methods.{name}")]
        if isinstance(method, UntrainedMethod):
            return [(NO_SET, f"methods.{name}")]
        sets = self.data.webvision.items()
        return [(part.title or set_name, f"methods.{name} on data.webvision.{set_name}") for set_name, part in sets]

    @model_validator(mode="after")
    def _published_rows_exist(self) -> "Profile":
        known: dict[str, list[str]] = {}
        if not any(method.published for method in self.methods.values()):
            return self
        for table, row, *_ in read_published(self.tables, TABLES_OF[self.published]):
            known.setdefault(table, []).append(row)
        for name, method in self.methods.items():
            for table, rows in method.published.items():
                where = f"methods.{name}.published.{table}"
                if table not in known:
                    raise ValueError(f"{where}: no such table is published{_nearest(table, known)}")
                for row in rows:
                    if row not in known[table]:
                        raise ValueError(f"{where}: no row {row!a} is published{_nearest(row, known[table])}")
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> "Profile":
        for name in self.data.webvision:
            if name.casefold() == NO_SET:
                raise ValueError(
                    f"data.webvision.{name}: {NO_SET} stands for the set of untrained backbones, choose another name"
                )
        return self

    @model_validator(mode="after")
    def _claims_are_about_its_methods(self) -> "Profile":
        for method, key in self.claims.methods.items() if self.claims else ():
            if method not in self.methods:
                raise ValueError(
                    f"claims.{key} names {method}, but methods has {', '.join(self.methods)}: name one of those, or "
                    "set claims to null"
                )
        if self.claims:
            try:
                self.claims.require_figures(columns_of(self.tables))
            except ValueError as error:
                raise ValueError(f"claims.{error}") from None
        return self

    @model_validator(mode="after")
    def _there_is_something_to_train_on(self) -> "Profile":
        if self.pretrained and not self.data.webvision:
            raise ValueError(
                f"methods.{next(iter(self.pretrained))} is to be pretrained, but data.webvision names no set: name "
                "one, or leave the method out"
            )
        return self

    @model_validator(mode="after")
    def _cheaper_ways_lead_somewhere(self) -> "Profile":
        values = self.model_dump(mode="json") if self.throughput and self.throughput.cheaper else {}
        for number, way in enumerate(self.throughput.cheaper if self.throughput else ()):
            if key := way.unknown_key(values):
                raise ValueError(f"throughput.cheaper.{number}.set: the profile has no key {key}, correct or remove it")
        return self

    @model_validator(mode="after")
    def _one_process_builds(self) -> "Profile":
        if self.resources.miniature.tasks > 1:
            raise ValueError(
                f"resources.miniature.tasks is {self.resources.miniature.tasks}, but one task builds it: set 1"
            )
        return self

    @property
    def pretrained(self) -> dict[str, Method]:
        """The methods that are trained here, on every training set with every seed."""
        return {name: method for name, method in self.methods.items() if isinstance(method, Method)}

    @property
    def untrained(self) -> list[str]:
        """The methods that are untrained backbones."""
        return [name for name, method in self.methods.items() if isinstance(method, UntrainedMethod)]

    @property
    def released(self) -> dict[str, ReleasedMethod]:
        """The methods that are somebody else's checkpoints, in files of known layouts."""
        return {name: method for name, method in self.methods.items() if isinstance(method, ReleasedMethod)}

    @property
    def built(self) -> dict[str, BuiltMethod]:
        """The methods that functions in users' files build."""
        return {name: method for name, method in self.methods.items() if isinstance(method, BuiltMethod)}

    @model_validator(mode="after")
    def _reference_model_stands_apart(self) -> "Profile":
        if self.hard_images is not None:
            IMAGENET.require_in(self, "hard_images")
            if self.miniature is None:
                raise ValueError(
                    "hard_images chooses among the miniature's images, but miniature is null: set both null"
                )
            if self.hard_images.backbone == self.pretrain.backbone:
                raise ValueError("hard_images.backbone is that of pretrain, whose models are evaluated: choose another")
        return self

    @property
    def imagenet_classifiers(self) -> dict[str, int]:
        """The classes of every pretrained classifier of ImageNet's that may be fine-tuned, by the profile's key."""
        of_sets = {
            f"data.webvision.{name}.classes": part.classes
            for name, part in self.data.webvision.items()
            if part.shares_imagenet_classes
        }
        of_releases = {f"methods.{name}": it.classes for name, it in self.released.items() if it.classifier == "web"}
        return of_sets | of_releases

    @property
    def imagenet_classes(self) -> int | None:
        """How many ImageNet must have, from the first classifier of its classes; None where there is none."""
        if self.miniature is not None:
            return len(IMAGENET_CLASSES)
        on_disk = [part.classes_on_disk for part in self.data.webvision.values() if part.shares_imagenet_classes]
        return next(iter([*on_disk, *self.imagenet_classifiers.values()]), None)

    @property
    def tables(self) -> list[Table]:
        """Of everything that it can evaluate by, asked for or not."""
        titles = {spec.title: own for spec in DATA_SETS if (own := getattr(self.data.titles, spec.key, None))}
        return [with_own_titles(table, titles) for table in tables_of(self.evaluate.evaluations)]


def profile_for(values: Mapping[str, Any]) -> type[Profile]:
    """The model of a profile with some values: with the keys of what ships, and of the user's files that they name.

    Raises:
        InputError: a user's file cannot be read or run, or holds no evaluation.
    """
    return _profile_with(own_evaluations(values.get("evaluate")))


@cache
def _profile_with(evaluations: tuple[Evaluation, ...]) -> type[Profile]:
    section = section_with(evaluations)
    tables = (table for evaluation in section.evaluations for table in evaluation.tables)
    amounts: dict[str, Any] = {table.name: (NotNegativeNumber, ...) for table in tables if table.published}
    tolerances = create_model("Tolerances", __base__=Tolerances, **amounts)
    return create_model("Profile", __base__=Profile, evaluate=(section, ...), tolerance=(tolerances, ...))
