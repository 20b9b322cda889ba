"""What a reproduction is put together from, as plain values: whoever adds a part declares it with these."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from core.config import Config, first_misfit

Images = Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


@dataclass(frozen=True)
class Stage:
    """A function ``run(config, workspace) -> metrics`` that jobs call.

    Attributes:
        id: its name in identities and records; it stays when the code moves.
        code: where the function is found, ``package.module:function``; in a user's file ``/path/of/file.py:function``.
        sha256: of a user's file; None of what ships.
    """

    id: str
    code: str
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """Something on the user's disk that a job reads.

    Attributes:
        key: of the profile, that names it.
        path: absolute, or relative to what the job needs in the role ``data`` (without such: to where it runs).
        kind: ``folder``, ``list`` or ``checkpoint``; the latter two are files.
    """

    key: str
    path: str
    kind: Literal["folder", "list", "checkpoint"] = "folder"


@dataclass(frozen=True, eq=False)
class Work:
    """A job of a run, before it has the run's name, tags and resources.

    Attributes:
        kind: what it is called among the run's jobs; the columns of tables name it as their ``evaluation``.
        stage: what is called.
        config: what determines the stage's result, plain JSON values.
        options: the rest of the stage's configuration (loading processes, logging); changes no result.
        needs: the run's other work whose folders the stage reads, by role.
        world: roles of what the run's world is made of that the stage reads, where there are such jobs: ``data`` (the
            miniature) and ``hard`` (its hard images).
        reads: what has to be on disk for it, beside what it needs.
        resources: the key of the profile's ``resources`` that it occupies.
        packages: what has to be installed for it, beside what every job uses.
        images: its cost: how many go through the network, by the rate of the profile's ``throughput`` at which they do;
            None where that is not known, nothing where it cannot be told.
    """

    kind: str
    stage: Stage
    config: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, "Work"] = field(default_factory=dict)
    world: tuple[str, ...] = ("data",)
    reads: tuple[Source, ...] = ()
    resources: str = "evaluate"
    packages: tuple[str, ...] = ()
    images: Mapping[str, Images] = field(default_factory=dict)


@dataclass(frozen=True)
class Classifier:
    """What a checkpoint can tell apart.

    Attributes:
        classes: how many.
        shares_imagenet_classes: whether its class i is ImageNet's class i.
        web_images: where images of these classes lie, in WebVision's folder structure; None where there are none.
        part: which of the classes there, and of ImageNet's, these are, as JSON has it; None for all.
    """

    classes: int
    shares_imagenet_classes: bool
    web_images: Source | None
    part: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """A checkpoint that is to be evaluated.

    Attributes:
        profile: the validated profile.
        method: its name in the profile.
        training_set: what the checkpoint was pretrained on.
        seed: of its evaluations' draws, and of its training where it is trained here.
        label: the seed in names and tags; that of a checkpoint that was not trained here may be another.
        checkpoint: how it comes about.
        classifier: None where there is none, or none that is to be evaluated.
        is_trained: whether it comes about by a training of this profile.
        has_corrected_labels: whether that training came to noise correction.
        can_be_trained: whether its network is one that trainings go on with; otherwise it is evaluated as it is.
        has_seen_imagenet_labels: so that training on a part of them again would say nothing.
        training_images: about how many it was trained on; None where that is not known.
        has_chosen_hard_images: whether its world chooses its own, which stand in for ImageNet-A.
    """

    profile: Any
    method: str
    training_set: str
    seed: int
    label: int
    checkpoint: Work
    classifier: Classifier | None = None
    is_trained: bool = False
    has_corrected_labels: bool = False
    can_be_trained: bool = True
    has_seen_imagenet_labels: bool = False
    training_images: int | None = None
    has_chosen_hard_images: bool = False

    @property
    def shares_imagenet_classes(self) -> bool:
        """Whether it has a classifier that serves ImageNet."""
        return self.classifier is not None and self.classifier.shares_imagenet_classes

    def evaluation(
        self,
        kind: str,
        stage: Stage,
        config: Mapping[str, Any],
        *reads: Source,
        images: float | None = None,
        checkpoint: Work | None = None,
    ) -> Work:
        """One pass of images through the checkpoint (the run's own, unless another is given), without training."""
        evaluate = self.profile.evaluate
        return Work(
            kind,
            stage,
            {"batch_size": evaluate.batch_size, **config},
            {"workers": evaluate.workers},
            {"checkpoint": checkpoint or self.checkpoint},
            reads=reads,
            images={"evaluation": images},
        )


@dataclass(frozen=True)
class Column:
    """One figure of a table.

    Attributes:
        title: as printed.
        evaluation: the kind of the jobs that measure it; empty where that is the id of the :class:`Evaluation`.
        metric: its name in their records.
        published: its name among the published figures; None where there are none.
        published_for: names of the published rows whose figure it is, none where it is measured on another data set;
            None for all others than ``not_published_for``.
        not_published_for: names of the published rows whose figure is another column's.
        lower_is_better: as with errors.
        on: the data set that it is measured on, as pictures name it; empty where no picture does.
        at: its place on the axis of a curve; None where it is not part of one.
        is_optional: whether there may be no such figure, as where the section asks for less; any other has to be there.
    """

    title: str
    evaluation: str = ""
    metric: str = ""
    published: str | None = None
    published_for: tuple[str, ...] | None = None
    not_published_for: tuple[str, ...] = ()
    lower_is_better: bool = False
    on: str = ""
    at: float | None = None
    is_optional: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the paper, or one of ours.

    Attributes:
        name: of its files.
        title: printed above.
        columns: what it shows for every method and pretraining set.
        published: its name among the published figures; None where there is no such table. It is then shown
            once something was measured.
        notes: printed below the figures that stand beside the paper's.
        definitions: how the figures are measured; printed below in any case.
        picture: how the report draws it: ``curves`` over the columns' places on an axis, one picture for each data set,
            or ``bars``; None for not at all.
        caption: of the picture.
        axis: of curves; logarithmic.
        sections: keys of the evaluations that measure it, which :func:`tables_of` fills in.

    Raises:
        ValueError: it is drawn as curves, and a column has no place on their axis.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    published: str | None = None
    notes: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    picture: Literal["curves", "bars"] | None = None
    caption: str = ""
    axis: str = ""
    sections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in self.columns if self.picture == "curves" else ():
            if not column.at or column.at <= 0:
                raise ValueError(
                    f"the picture of the table {self.name} is curves, but its column {column.title} has no place on "
                    "their axis: give it one above 0 (at), or let the picture be bars"
                )


def _no_check(section: Any, profile: Any) -> None:
    pass


def _no_seeds(section: Any) -> Sequence[int]:
    return ()


@dataclass(frozen=True)
class Evaluation:
    """Something that checkpoints are evaluated by: all that the rest of the suite has to know of it.

    Attributes:
        id: its name.
        section: the model of its section of the profile, below ``evaluate``.
        work: from the section and a run that has what is needed to the run's jobs, what they need first.
        needs: of a checkpoint, without which the run has nothing for it: frozen ``features`` of images alone, a
            ``classifier`` too, the ``trunk`` itself to train on, or a ``training`` in this profile.
        key: of the section; a user's evaluation has the key that the profile gives it.
        tables: that hold its figures; a table that several evaluations name has the columns of all.
        data_sets: keys of the profile's data sets without which it evaluates nothing; ``work`` finds them there.
        is_required: whether every profile has the section.
        check: from the section and the profile; raises ValueError where they do not fit.
        untrained_seeds: from the section to the seeds of the untrained backbones that it evaluates.
    """

    id: str
    section: type[Config]
    work: Callable[[Any, Run], Iterable[Work]]
    needs: Literal["features", "classifier", "trunk", "training"] = "features"
    key: str = ""
    tables: tuple[Table, ...] = ()
    data_sets: tuple[str, ...] = ()
    is_required: bool = False
    check: Callable[[Any, Any], None] = _no_check
    untrained_seeds: Callable[[Any], Sequence[int]] = _no_seeds

    def can_evaluate(self, run: Run) -> bool:
        """Whether the run has what is needed."""
        has = {
            "features": True,
            "classifier": run.classifier is not None,
            "trunk": run.can_be_trained,
            "training": run.is_trained,
        }
        return has[self.needs]

    def columns_of(self, table: Table) -> tuple[Column, ...]:
        """The columns of one of its tables, each with the kind of the jobs that measure it."""
        return tuple(replace(column, evaluation=column.evaluation or self.id) for column in table.columns)


def misfit_of(declared: Any) -> str | None:
    """The first value in a declaration, or in one that it holds, that is of another type than it says; None if none.

    As a phrase: ``tables.0.picture: input should be 'curves' or 'bars', found 'pie'``.
    """
    for name, adapter in _adapters(type(declared)).items():  # type: ignore[arg-type]  # a class is hashable
        value = getattr(declared, name)
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError as error:
            return first_misfit(error, name)
        for number, inner in enumerate(value if isinstance(value, tuple) else [value]):
            if type(inner) in HELD and (found := misfit_of(inner)):
                return f"{name}.{number}.{found}" if isinstance(value, tuple) else f"{name}.{found}"
    return None


HELD = (Stage, Source, Column, Table)  # declarations that others hold


@cache
def _adapters(declaration: Any) -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(declaration, include_extras=True).items()}


def tables_of(evaluations: Iterable[Evaluation]) -> list[Table]:
    """Every table once, in the order of its first evaluation, with the columns of all.

    Raises:
        ValueError: two evaluations declare a table of one name, which differs in more than its columns.
    """
    tables: dict[str, Table] = {}
    for evaluation in evaluations:
        for table in evaluation.tables:
            so_far = tables.get(table.name, replace(table, columns=(), sections=()))
            _require_alike(so_far, table, evaluation.key)
            columns, sections = so_far.columns + evaluation.columns_of(table), (*so_far.sections, evaluation.key)
            tables[table.name] = replace(so_far, columns=columns, sections=sections)
    return list(tables.values())


def _require_alike(so_far: Table, table: Table, key: str) -> None:
    for name in (it.name for it in fields(Table) if it.name not in ("columns", "sections")):
        if getattr(so_far, name) != getattr(table, name):
            raise ValueError(
                f"evaluate.{so_far.sections[0]} and evaluate.{key} both have a table {table.name}, with the {name} "
                f"{getattr(so_far, name)!r} and {getattr(table, name)!r}: give one of the tables another name"
            )


def required_metrics(tables: Iterable[Table]) -> dict[str, tuple[str, ...]]:
    """The metrics that records have to have, by the kind of the job."""
    required: dict[str, tuple[str, ...]] = {}
    for column in (column for table in tables for column in table.columns if not column.is_optional):
        required[column.evaluation] = (*required.get(column.evaluation, ()), column.metric)
    return required


def columns_of(tables: Iterable[Table]) -> dict[str, Column]:
    """Every figure of some tables, by evaluation and metric, such as ``accuracy-imagenet/top1``."""
    return {f"{column.evaluation}/{column.metric}": column for table in tables for column in table.columns}


def require_columns(what: str, asked: Iterable[str], shown: Iterable[str]) -> None:
    """What no table shows is not measured.

    Raises:
        ValueError: something that is asked for is not among what is shown.
    """
    possible = list(dict.fromkeys(shown))
    unseen = [name for name in asked if name not in possible]
    if unseen:
        raise ValueError(f"no table has a column for {what} {unseen[0]}, only for {', '.join(possible)}: take of these")
