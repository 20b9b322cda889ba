"""What the suite has to be told of a data set; everything else takes it from there. Light to import."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # which reads images
    from data.verification.inspection import DataSet


@dataclass(frozen=True)
class DataLocation:
    """The data sets of a profile as they lie on disk.

    Attributes:
        sections: of the profile, by the data sets' keys; None for a data set that it does not have.
        counts: how many images there must be, by the keys of the profile's ``data.counts``; None for any number.
        root: what relative folders are relative to.
        chosen: what the folder of chosen hard images is relative to; None where they are not chosen yet.
        imagenet_classes: how many ImageNet must have; None for any number.
    """

    sections: Mapping[str, Any]
    counts: Mapping[str, int | None]
    root: Path
    chosen: Path | None
    imagenet_classes: int | None

    def data_sets(self, declared: Iterable["DataSetSpec"]) -> list["DataSet"]:
        """What there is to verify, of all data sets that the profile has."""
        return [
            data_set
            for spec in declared
            if self.sections[spec.key] is not None
            for data_set in resolve_name(spec.checks)(self.sections[spec.key], self)
        ]


@dataclass(frozen=True)
class DataSetSpec:
    """A data set.

    Attributes:
        key: of its section, below ``data`` in a profile.
        section: the type of that section.
        checks: ``module:function``, called with the section and a :class:`DataLocation`; gives what there is to verify.
        published: how many images its parts have as they were published, by the keys of ``data.counts``.
        required: whether every profile has it.
        licence: what is known of the terms on which its images are given, in a sentence, for the card of a model that
            was trained on them; empty where nothing is.
        title: what headings of tables call it, unless a profile has another name for it; empty where none names it.
        finder: ``module:name`` of the :class:`data.discovery.Finder` that finds it below ``data.root``; empty where it
            lies there by its name alone.
        manifest: of the files as which it is published (:mod:`data.manifest`), by its path below the repository; empty
            where it is not.
    """

    key: str
    section: Any
    checks: str
    published: Mapping[str, int] = field(default_factory=dict)
    required: bool = False
    licence: str = ""
    title: str = ""
    finder: str = ""
    manifest: str = ""

    def images(self, profile: Any, *parts: str) -> int:
        """How many images some parts have, named as below ``data.counts``: as the profile says, or as published."""
        return sum(getattr(profile.data.counts, part) or self.published[part] for part in parts)

    def require_in(self, profile: Any, what: str) -> None:
        """What needs the data set cannot do without.

        Raises:
            ValueError: the profile does not have it.
        """
        if getattr(profile.data, self.key) is None:
            raise ValueError(f"{what} needs data.{self.key}, found none: name its folder, or leave {what} out")
