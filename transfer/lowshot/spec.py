"""What the low-shot evaluation takes on either data set, and its table."""

from collections.abc import Iterable

from core.config import values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work
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
    tables=(_table("Places205", "lowshot-places205", "Places205_acc"),),
)
