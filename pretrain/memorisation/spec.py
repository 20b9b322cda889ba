"""What it takes to watch trainings; no table shows its figures."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from core.config import Config, Distinct, Name, values
from core.declarations import Evaluation, Run, Source, Stage, Work
from data.config import EvaluationView
from data.sets.imagenet.spec import SPEC as IMAGENET

STAGE = Stage("memorisation", "pretrain.memorisation.stage:run")


class Section(Config):
    """Trainings that are repeated and watched: clean accuracy after every epoch, and what became of wrong labels.

    Attributes:
        view: of the images.
        methods: those that are watched, by name.
    """

    view: EvaluationView
    methods: Distinct[tuple[Name, ...]] = Field(min_length=1)


def check(section: Section, profile: Any) -> None:
    """Only what is trained here can be watched."""
    for name in section.methods:
        if name not in profile.pretrained:
            raise ValueError(
                f"evaluate.memorisation.methods names {name}, which is not trained here, only "
                f"{', '.join(profile.pretrained)} are: take of these"
            )


def work(section: Section, run: Run) -> Iterable[Work]:
    """The pretraining once more, watched."""
    if run.method not in section.methods:
        return
    pretraining, profile = run.checkpoint, run.profile
    shown = {"view": values(section.view), "batch_size": profile.evaluate.batch_size}
    yield Work(
        "memorisation",
        STAGE,
        {**pretraining.config, "imagenet": profile.data.imagenet, **shown},
        {**pretraining.options, "workers": profile.evaluate.workers},
        {"checkpoint": pretraining},
        reads=(*pretraining.reads, Source("data.imagenet", profile.data.imagenet)),
        resources="pretrain",
    )


SPEC = Evaluation(
    id="memorisation",
    key="memorisation",
    section=Section,
    work=work,
    needs="training",
    data_sets=(IMAGENET.key,),
    check=check,
)
