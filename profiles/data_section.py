"""The section of a profile that names the data sets, put together from the sections that they declare."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from core.config import Config, Positive
from data.declaration import DataSetSpec
from profiles.registry import DATA_SETS


class DataSection(Config):
    """Folders of the data sets: absolute, or relative to what the profile's miniature builds.

    ``counts`` says how many images each part of a data set must have, for ``verify``; None where that is not checked. A
    relative ``imagenet_a`` is relative to what the reference model of ``hard_images`` chose, where there is one.
    """

    if TYPE_CHECKING:  # which data sets there are is not known there

        def __getattr__(self, key: str) -> Any: ...


def section_of(declared: Iterable[DataSetSpec]) -> type[DataSection]:
    """The model of the section, with a key for each data set."""
    data_sets = list(declared)
    parts: dict[str, Any] = {part: (Positive | None, None) for spec in data_sets for part in spec.published}
    counts = create_model("Counts", __base__=Config, **parts)
    keys: dict[str, Any] = {
        spec.key: (spec.section, ...) if spec.required else (spec.section | None, None) for spec in data_sets
    }
    return create_model("DataSets", __base__=DataSection, **keys, counts=(counts, counts()))


if TYPE_CHECKING:
    DataSets = DataSection
else:
    DataSets = section_of(DATA_SETS)
