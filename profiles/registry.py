"""What ships: one line each. Their jobs and tables come in this order."""

from core.declarations import Evaluation
from pretrain.accuracy import spec as accuracy
from pretrain.memorisation import spec as memorisation
from pretrain.methods.mopro import cleaning_spec
from robustness import spec as robustness
from transfer.detection import spec as detection
from transfer.finetuning import spec as finetuning
from transfer.lowshot import spec as lowshot

EVALUATIONS: tuple[Evaluation, ...] = (
    accuracy.SPEC,
    cleaning_spec.SPEC,
    lowshot.VOC07,
    lowshot.PLACES205,
    robustness.SPEC,
    finetuning.SPEC,
    memorisation.SPEC,
    detection.SPEC,
)
