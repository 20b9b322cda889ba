"""What ``verify`` looks at in ImageNet, and in other data sets of synset folders."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import InputError
from data.declaration import DataLocation
from data.listing import listing
from data.paths import shown
from data.sets.imagenet.archives import SplitName, require_split
from data.sets.imagenet.reader import (
    KnownClasses,
    files_of_synsets,
    folder_faults,
    known_classes,
    named,
    table_of_synsets,
)
from data.sets.imagenet.spec import SPEC
from data.shards import open_shards
from data.verification.inspection import DataSet, Inspection, Split


def checks(folder: str, location: DataLocation) -> Iterator[DataSet]:
    """Both splits; in val, only synsets that train has."""
    root, classes = location.root / folder, location.imagenet_classes
    yield DataSet(
        SPEC.key,
        (
            imagenet_split(root, "train", classes, location.counts["imagenet_train"]),
            imagenet_split(root, "val", classes, location.counts["imagenet_val"], known_in="train"),
        ),
    )


def imagenet_split(
    root: Path, split: SplitName, classes: int | None, expected: int | None, known_in: SplitName | None = None
) -> Split:
    """One split of ImageNet.

    Args:
        root: the data set's folder.
        split: which.
        classes: how many there must be; None for any number.
        expected: how many images there must be.
        known_in: another split, whose synset folders have all the names that are allowed, where the published ones need
            not be meant.
    """

    def inspect() -> Inspection:
        try:
            folder, known = require_split(root, split), known_classes(root, classes)
            if known is None and known_in is not None:
                known = names_in(require_split(root, known_in))
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return inspect_synsets(folder, classes, known, known.names if known else None)

    return Split(split, expected, inspect)


def inspect_synsets(
    folder: Path, count: int | None, known: KnownClasses | None, classes: Sequence[str] | None
) -> Inspection:
    """Images in synset folders, of which ``known`` are allowed; label i is that of the i-th of ``classes``."""
    inspection = Inspection()
    try:
        shards = open_shards(folder)
        files = files_of_synsets(folder, shards)
    except InputError as error:
        inspection.faults.append(error.sentence)
        return inspection
    inspection.faults += folder_faults(folder, files, count, known)
    empty = [synset for synset, names in files.items() if not names]
    if empty:
        inspection.faults.append(
            f"{shown(folder)} holds {len(empty)} synset folders without an image ({named(empty)}): complete the data "
            "set."
        )
    full = {synset: names for synset, names in files.items() if names}
    if full:
        index_of = {synset: index for index, synset in enumerate(classes or files)}
        labels = [index_of.get(synset, len(index_of)) for synset in full]
        inspection.images = table_of_synsets(folder, full, labels, len(index_of), shards)
        inspection.count = len(inspection.images)
    return inspection


def names_in(folder: Path) -> KnownClasses:
    """The names of the synset folders, sorted; of a folder of files, without a look into the synsets' folders."""
    shards = open_shards(folder)
    names = listing(folder).folders if shards is None else list(files_of_synsets(folder, shards))
    return KnownClasses(names, shown(folder))
