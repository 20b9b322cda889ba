"""What the low-shot evaluation takes on either data set, and its table."""

from collections.abc import Iterable
from typing import Any

from core.config import values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work
from data.sets.places205.spec import CLASSES as PLACES205_CLASSES
from data.sets.places205.spec import SPEC as PLACES205_SET
from data.sets.voc07.spec import CLASSES
from data.sets.voc07.spec import SPEC as VOC07_SET
from transfer.lowshot.config import SHOTS, MultiLabelProtocol, Protocol


def on_voc07(section: MultiLabelProtocol, run: Run) -> Iterable[Work]:
    """One job."""
    folder = run.profile.data.voc07
    config = {"seed": run.seed, "folder": folder, "classes": CLASSES, **values(section)}
    stage, source = Stage("lowshot-voc07", "transfer.lowshot.voc07:run"), Source("data.voc07", folder)
    images = VOC07_SET.images(run.profile, *VOC07_SET.published)
    yield run.evaluation("lowshot-voc07", stage, config, source, images=images)


def on_places205(section: Protocol, run: Run) -> Iterable[Work]:
    """One job."""
    places205 = run.profile.data.places205
    config = {"seed": run.seed, **values(places205), **values(section)}
    stage = Stage("lowshot-places205", "transfer.lowshot.places205:run")
    source = Source("data.places205.folder", places205.folder)
    tested = PLACES205_SET.images(run.profile, "places205_val")
    images = tested + section.draws * places205.classes * sum(section.shots)
    yield run.evaluation("lowshot-places205", stage, config, source, images=images)


def check_places205(section: Protocol, profile: Any) -> None:
    """What stands beside published figures of Places205 is Places205, or is called otherwise."""
    classes = profile.data.places205.classes
    if profile.compares_with == "paper" and classes != PLACES205_CLASSES and not profile.data.titles.places205:
        raise ValueError(
            f"data.places205.classes is {classes}, but Places205, whose published figures stand beside those of "
            f"evaluate.lowshot_places205, has {PLACES205_CLASSES}: name the folder of Places205, or say in "
            "data.titles.places205 what the other data set is called"
        )


def _table(title: str, kind: str, published: str) -> Table:
    """The part of the table that is of one data set."""
    return Table(
        name="lowshot",
        title="Low-shot classification: linear SVM on frozen features (VOC07: mAP, Places205: accuracy; %)",
        published="lowshot",
        columns=tuple(
            Column(f"{title} k={k}", kind, f"k{k}", f"{published}_k{k}", on=title, at=k, is_optional=True)
            for k in SHOTS
        ),
        picture="curves",
        caption="Linear SVMs on frozen features, by the number of labelled images a class; bars are standard "
        "deviations.",
        axis="labelled images a class",
    )


VOC07 = Evaluation(
    id="lowshot-voc07",
    key="lowshot_voc07",
    section=MultiLabelProtocol,
    work=on_voc07,
    data_sets=(VOC07_SET.key,),
    tables=(_table("VOC07", "lowshot-voc07", "VOC07_mAP"),),
)
PLACES205 = Evaluation(
    id="lowshot-places205",
    key="lowshot_places205",
    section=Protocol,
    work=on_places205,
    data_sets=(PLACES205_SET.key,),
    check=check_places205,
    tables=(_table("Places205", "lowshot-places205", "Places205_acc"),),
)
