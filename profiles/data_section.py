"""The section of a profile that names the data sets, put together from the sections that they declare."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from core.config import Config, Positive, Title
from core.declarations import Table
from data.declaration import DataSetSpec
from profiles.registry import DATA_SETS


class DataSection(Config):
    """Folders of the data sets: absolute, or relative to what the profile's miniature builds.

    ``counts`` says how many images each part of a data set must have, for ``verify``; None where that is not checked. A
    relative ``imagenet_a`` is relative to what the reference model of ``hard_images`` chose, where there is one.
    ``titles`` says what headings of tables call data sets of one's own, by the key of the data set whose folder
    structure they have; None for that one's name. Published figures stand beside none of those.
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
    named: dict[str, Any] = {spec.key: (Title | None, None) for spec in data_sets if spec.title}
    titles = create_model("Titles", __base__=Config, **named)
    return create_model("DataSets", __base__=DataSection, **keys, counts=(counts, counts()), titles=(titles, titles()))


def with_own_titles(table: Table, titles: Mapping[str, str]) -> Table:
    """The table, in whose headings data sets have names of one's own, by those that they have otherwise.

    Such columns are of other data sets than those of the published figures, which stand beside none of them. Where no
    column names its data set, the table's title does.
    """
    if not titles:
        return table
    one_of_them = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, titles))})(?![\w-])")

    def named(text: str) -> str:
        return one_of_them.sub(lambda found: titles[found[0]], text)

    title, columns = named(table.title), [replace(it, title=named(it.title), on=named(it.on)) for it in table.columns]
    own = [column != before for column, before in zip(columns, table.columns, strict=True)]
    if title != table.title and not any(own):
        own = [True] * len(columns)
    unpublished = [replace(it, published_for=()) if of_own else it for it, of_own in zip(columns, own, strict=True)]
    return replace(table, title=title, columns=tuple(unpublished))


if TYPE_CHECKING:
    DataSets = DataSection
else:
    DataSets = section_of(DATA_SETS)
