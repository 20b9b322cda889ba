"""The section of a profile that names the data sets, put together from the sections that they declare."""

from typing import TYPE_CHECKING, Any

from pydantic import create_model

from core.config import Config, Positive
from profiles.registry import DATA_SETS

if TYPE_CHECKING:  # what the data sets declare is not known there

    class DataSets(Config):
        """Folders of the data sets: absolute, or relative to what the profile's miniature builds.

        ``counts`` says how many images each part of a data set must have, for ``verify``; None where that is not
        checked. A relative ``imagenet_a`` is relative to what the reference model of ``hard_images`` chose, where there
        is one.
        """

        def __getattr__(self, key: str) -> Any: ...

else:
    _counts: dict[str, Any] = {key: (Positive | None, None) for spec in DATA_SETS for key in spec.published}
    Counts = create_model("Counts", __base__=Config, **_counts)
    _sections: dict[str, Any] = {
        spec.key: (spec.section, ...) if spec.required else (spec.section | None, None) for spec in DATA_SETS
    }
    DataSets = create_model("DataSets", __base__=Config, **_sections, counts=(Counts, Counts()))
