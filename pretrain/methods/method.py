"""What a method of pretraining declares; light to import, so that a plan is made without torch.

A method is a configuration model: its fields are its hyperparameters in the profile, and it says which views it takes,
what it costs, and how its module is built. Those that ship and a user's own obey this one contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from core.config import Config, FromList, Title

if TYPE_CHECKING:
    from torch import nn

    from pretrain.backbone import Classifier, ProjectingEncoder
    from pretrain.config import BackboneConfig, ScheduleConfig

ViewName = Literal["weak", "strong"]


class TableRow(Config):
    """What tables call a method; no figure depends on it.

    Attributes:
        title: as printed; None for the method's name in the profile.
        published: by table, the names under which the method's row is published; which of them is meant, the
            pretraining set decides. Where several have a figure for one set, sources disagree. A table that is not
            named has nothing to compare the method with.
    """

    title: Title | None = None
    published: dict[str, FromList[tuple[str, ...]]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What a method's module is built for.

    Attributes:
        backbone: the ResNet.
        classes: number of classes.
        images: of the training set; a batch's indices are below it.
        seed: of the run. torch's generator has it already when a module is built.
        precision: of the trunk.
    """

    backbone: "BackboneConfig"
    classes: int
    images: int
    seed: int
    precision: str = "float32"

    def classifier(self) -> "Classifier":
        """Images to class logits ``[n, classes]``, freshly initialised."""
        from pretrain.backbone import Classifier

        return Classifier(self.backbone, self.classes, self.precision)

    def projecting_encoder(self, embedding_size: int) -> "ProjectingEncoder":
        """Images to (class logits ``[n, classes]``, unit embeddings ``[n, embedding_size]``), freshly initialised."""
        from pretrain.backbone import ProjectingEncoder

        return ProjectingEncoder(self.backbone, self.classes, embedding_size, self.precision)


class Method(TableRow):
    """A method of pretraining, with its hyperparameters.

    Attributes:
        objective: the name of a method that ships, or ``path/of/file.py:Class``.
        relative_cost: of a training step, cross-entropy's being 1.
    """

    objective: str
    relative_cost: ClassVar[float] = 1.0

    @property
    def views(self) -> tuple[ViewName, ...]:
        """The views of an image that a batch holds, in this order."""
        return ("weak",)

    @property
    def corrects_labels_from(self) -> int | None:
        """First epoch (from 0) in which labels are corrected; None for a method that trusts them.

        MoPro's can then be cleaned and trained on anew; a user's own cannot: ``evaluate.retrain`` is null beside it.
        """
        return None

    def build(self, setting: Setting) -> "nn.Module":
        """The module to be trained: a :class:`pretrain.objective.Objective`, on the CPU."""
        raise NotImplementedError

    def require_fitting(self, schedule: "ScheduleConfig") -> None:
        """Whether it can be trained with a schedule.

        Raises:
            ValueError: it cannot; the message begins with the key of the method that is at fault.
        """

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """The method with those of some hyperparameters that it has, such as the threshold of a training set."""
        own = {name: value for name, value in values.items() if name in type(self).model_fields}
        return self.model_validate(self.model_dump(mode="json") | own)

    def hyperparameters(self) -> dict[str, Any]:
        """What determines its checkpoints, as plain JSON values: all but what tables call it."""
        return self.model_dump(mode="json", exclude=set(TableRow.model_fields))
