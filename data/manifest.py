"""What is known of the files as which data are published: where they come from, how large they are, how sure that is.

Facts alone: what no source says is unknown, and an address is only as alive as somebody has last said.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, TypeAdapter, model_validator

from core.config import Classes, Config, FromList

PARTS = re.compile(r"\{(\d+)\.\.(\d+)\}")  # of a name that stands for several files, such as part_{00..32}.tar
REPOSITORY = Path(__file__).parents[1]

Address = Annotated[str, Field(pattern=r"^https?://[!-~]+$")]


class Place(Config):
    """Where a file can be had.

    Attributes:
        url: its address.
        alive: the day on which it is last known to have answered; None where nobody says.
        said_by: who says so, or names the address.
    """

    url: Address
    alive: date | None = None
    said_by: str = Field(min_length=1)


class PublishedFile(Config):
    """A file as it was published.

    Attributes:
        name: of the file.
        holds: what it is, in words.
        bytes: its size; None where it isn't known.
        md5, sha256: digests of its content; None where they aren't known.
        sure: who states size and digests: its owner, a library that many use, or one source alone; None where nobody.
        stated_by: that source, in words.
        addresses: where it can be had, in the order in which they are tried; none where a browser has to be asked.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.{}-]*$")]
    holds: str = Field(min_length=1)
    bytes: Annotated[int, Field(gt=0)] | None = None
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    sure: Literal["owner", "library", "one source"] | None = None
    stated_by: str = ""
    addresses: FromList[tuple[Place, ...]] = ()

    @model_validator(mode="after")
    def _has_a_source(self) -> "PublishedFile":
        is_stated = any((self.bytes, self.md5, self.sha256))
        if is_stated != bool(self.sure and self.stated_by):
            raise ValueError("sure and stated_by say who states size and digests: give both with them, or none without")
        if len({place.url for place in self.addresses}) < len(self.addresses):
            raise ValueError("an address appears twice")
        return self

    def each(self) -> "Iterator[PublishedFile]":
        """The files that it stands for, such as 33 parts; itself, where that is one."""
        found = PARTS.search(self.name)
        if found is None:
            yield self
            return
        first, last = found.groups()
        for number in range(int(first), int(last) + 1):
            part = f"{number:0{len(first)}}"
            places = tuple(it.model_copy(update={"url": PARTS.sub(part, it.url)}) for it in self.addresses)
            yield self.model_copy(update={"name": PARTS.sub(part, self.name), "addresses": places})


class Release(Config):
    """Files that belong together.

    Attributes:
        title: what they are.
        classes: how many classes the data set has, where releases of one structure differ in that.
        terms: on which it is given, as far as is known.
        sign_up: what a person has to do before, or instead; empty where the files can simply be fetched.
        files: all of them.
    """

    title: str = Field(min_length=1)
    classes: Classes | None = None
    terms: str = Field(min_length=1)
    sign_up: str = ""
    files: FromList[tuple[PublishedFile, ...]] = Field(min_length=1)

    @property
    def each(self) -> list[PublishedFile]:
        """Its files, each part alone."""
        return list(itertools.chain.from_iterable(file.each() for file in self.files))


def read_manifest(path: str) -> Sequence[Release]:
    """The releases in a manifest of ours, by its path below the repository.

    Raises:
        ValueError: it is not valid.
    """
    values = yaml.safe_load((REPOSITORY / path).read_text(encoding="utf-8"))
    return TypeAdapter(list[Release]).validate_python(values)


def release_of(path: str, section: Any) -> Release | None:
    """The release that a profile's section of a data set is about; None where what it describes was never published."""
    classes = getattr(section, "classes_on_disk", None)  # of other data sets there is one release
    return next((it for it in read_manifest(path) if it.classes in (None, classes)), None)
