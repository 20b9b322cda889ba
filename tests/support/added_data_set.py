"""A data set that does not ship, with its line in the registry; run as a program, the command with that line in it."""

import sys
from collections.abc import Iterator

import numpy as np

from core.config import Config, OnDisk, Positive
from data.declaration import DataLocation, DataSetSpec
from data.images import ImageTable
from data.paths import Paths
from data.verification.inspection import DataSet, Inspection, Split


class FlatFolder(Config):
    """Images in one folder, all of one class."""

    folder: OnDisk
    classes: Positive = 1


def checks(section: FlatFolder, location: DataLocation) -> Iterator[DataSet]:
    """All its images, as many as the profile says."""
    root = location.root / section.folder

    def inspect() -> Inspection:
        names = sorted(path.name.encode() for path in root.iterdir())
        labels = np.zeros(len(names), dtype=int)
        return Inspection(len(names), ImageTable(root, Paths.of(names), labels, section.classes, root))

    yield DataSet("added", (Split("all", location.counts["added_all"], inspect),))


SPEC = DataSetSpec("added", FlatFolder, "tests.support.added_data_set:checks", {"added_all": 9})

if __name__ == "__main__":
    from profiles import registry

    registry.DATA_SETS += (SPEC,)
    from run_all import main

    sys.exit(main(sys.argv[1:]))
