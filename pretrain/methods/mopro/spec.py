"""MoPro as a method of the profile; light to import."""

from typing import TYPE_CHECKING, ClassVar, Literal

from core.config import Fraction, Momentum, NotNegative, NotNegativeNumber, Positive, PositiveNumber
from pretrain.methods.method import Method, Setting, ViewName

if TYPE_CHECKING:
    from torch import nn

    from pretrain.config import ScheduleConfig


class MoProConfig(Method):
    """Hyperparameters of MoPro (section 3).

    Attributes:
        embedding_size: size of the unit embedding.
        temperature: tau of the instance and the prototypical loss.
        encoder_momentum: m of the momentum encoder.
        queue_size: number of negatives.
        prototype_momentum: m of the prototypes.
        alpha: weight of the classifier against the prototypes in the soft label.
        threshold: T, the soft score above which a sample takes the highest-scoring class.
        keep_above: a sample whose given label has a soft score above this many times 1/classes is kept; 0 keeps all.
        instance_weight, prototypical_weight: weights of the two contrastive losses.
        prototypical_from_epoch: first epoch (from 0) with the prototypical loss.
        correction_from_epoch: first epoch (from 0) with noise correction.
    """

    objective: Literal["mopro"]
    embedding_size: Positive
    temperature: PositiveNumber
    encoder_momentum: Momentum
    queue_size: Positive
    prototype_momentum: Momentum
    alpha: Fraction
    threshold: Fraction
    keep_above: NotNegativeNumber = 1.0
    instance_weight: NotNegativeNumber
    prototypical_weight: NotNegativeNumber
    prototypical_from_epoch: NotNegative
    correction_from_epoch: NotNegative

    # Beside forward and backward, which costs twice the forward, the momentum encoder runs forward.
    relative_cost: ClassVar[float] = 4 / 3

    @property
    def views(self) -> tuple[ViewName, ...]:
        return ("weak", "strong")

    @property
    def corrects_labels_from(self) -> int | None:
        return self.correction_from_epoch

    def require_fitting(self, schedule: "ScheduleConfig") -> None:
        if self.queue_size < schedule.batch_size:
            raise ValueError(f"queue_size {self.queue_size} is smaller than a batch of {schedule.batch_size} keys")

    def build(self, setting: Setting) -> "nn.Module":
        from pretrain.methods.mopro.model import MoPro

        return MoPro(setting.projecting_encoder(self.embedding_size), setting.classes, self, setting.seed)
