"""What detection and instance segmentation on COCO take, and their table."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, model_validator

from core.config import Distinct, Named, Seed, require_divisible, values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work, require_columns
from data.sets.coco.spec import SPEC as COCO
from pretrain.config import RuntimeConfig
from transfer.detection.config import PACKAGES, DetectionRecipe, DetectionSchedule

STAGE = Stage("detection", "transfer.detection.stage:run")
PUBLISHED, OWN = ("1x", "2x"), "short"  # schedules: the paper's, and the miniature's


class Section(DetectionRecipe):
    """Detection and instance segmentation on COCO.

    Attributes:
        runtime: of the training.
        schedules: by name.
        untrained_seeds: of untrained backbones that are evaluated beside the pretrained ones.
    """

    runtime: RuntimeConfig
    schedules: Named[DetectionSchedule] = Field(min_length=1)
    untrained_seeds: Distinct[tuple[Seed, ...]] = ()

    @model_validator(mode="after")
    def _schedules_fit(self) -> "Section":
        require_columns("a schedule called", self.schedules, (*PUBLISHED, OWN))
        for name, schedule in self.schedules.items():
            if self.warmup >= schedule.iterations:
                raise ValueError(
                    f"warmup {self.warmup} leaves nothing of the {schedule.iterations} iterations of {name}: lower it"
                )
        return self


def check(section: Section, profile: Any) -> None:
    """The batch has to fit the tasks."""
    require_divisible(
        section.batch_size, profile.resources.detection.tasks, "evaluate.detection.batch_size", "detection"
    )


def work(section: Section, run: Run) -> Iterable[Work]:
    """One job for each schedule."""
    coco, recipe = run.profile.data.coco, values(section)
    options = {"runtime": recipe.pop("runtime")}
    schedules = recipe.pop("schedules")
    del recipe["untrained_seeds"]
    shared = {"seed": run.seed, "coco": coco.folder, "classes": coco.classes, **recipe}
    for name, schedule in schedules.items():
        yield Work(
            f"detection-{name}",
            STAGE,
            shared | {"schedule": schedule},
            options,
            {"checkpoint": run.checkpoint},
            reads=(Source("data.coco.folder", coco.folder),),
            resources="detection",
            packages=PACKAGES,
            images={"detection": schedule["iterations"] * section.batch_size},
        )


SPEC = Evaluation(
    id="detection",
    key="detection",
    section=Section,
    work=work,
    check=check,
    needs="trunk",
    data_sets=(COCO.key,),
    untrained_seeds=lambda section: section.untrained_seeds,
    tables=(
        Table(
            name="coco",
            title="COCO detection and instance segmentation: Mask R-CNN from the pretrained backbone (AP, %)",
            published="coco",
            columns=tuple(
                Column(
                    f"{kind} AP{at} ({schedule})",
                    f"detection-{schedule}",
                    f"{kind}_ap{at}",
                    None if schedule == OWN else f"{published}{at}_{schedule}",
                    is_optional=True,
                )
                for schedule in (*PUBLISHED, OWN)
                for kind, published in (("box", "APbb"), ("mask", "APmk"))
                for at in ("", "50", "75")
            ),
            definitions=(
                "After the last iteration BatchNorm's statistics are averaged over batches of training images (precise "
                "BatchNorm; their number is in the records, 0 means that it was left out).",
            ),
            notes=(
                "The paper's figures were measured with detectron2, ours with mmdet; MoCo's authors call about 0.3 AP "
                "ordinary variation from run to run.",
            ),
            picture="bars",
        ),
    ),
)
