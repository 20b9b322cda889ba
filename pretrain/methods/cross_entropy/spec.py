"""The baseline: cross-entropy on the labels as given (section 4)."""

from typing import TYPE_CHECKING, Literal

from pretrain.methods.method import Method, Setting, ViewName

if TYPE_CHECKING:
    from torch import nn


class CrossEntropyConfig(Method):
    """Cross-entropy of one view."""

    objective: Literal["cross-entropy"]
    view: ViewName = "weak"

    @property
    def views(self) -> tuple[ViewName, ...]:
        return (self.view,)

    def build(self, setting: Setting) -> "nn.Module":
        from pretrain.cross_entropy import CrossEntropy

        return CrossEntropy(setting.classifier())
