"""What a stage says about its inputs: fingerprints of data sets apart, everything else as it is."""

from collections.abc import Iterable, Mapping
from typing import Any

from results.schema import DataIdentity, Record

FINGERPRINT = {"images", "classes", "sha256"}  # keys of every fingerprint; more of DataIdentity's may stand beside them


def identities(provenance: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, DataIdentity], dict[str, Any]]:
    """The fingerprints by name, with dots between the parts of a name, and the provenance without them."""
    data: dict[str, DataIdentity] = {}
    rest: dict[str, Any] = {}
    for name, value in provenance.items():
        if not isinstance(value, Mapping):
            rest[name] = value
        elif value.keys() >= FINGERPRINT:
            known = {key: item for key, item in value.items() if key in DataIdentity.model_fields}
            data[prefix + name] = DataIdentity.model_validate(known | {"names_sha256": value["sha256"]})
            others = {key: item for key, item in value.items() if key not in (*known, "sha256")}
            if others:
                rest[name] = others
        else:
            of_parts, remaining = identities(value, f"{prefix}{name}.")
            data |= of_parts
            if remaining or not of_parts:
                rest[name] = remaining
    return data, rest


def digests(record: Record) -> list[tuple[str, str]]:
    """Every split with its size and digests, and every other file's digest, by name."""
    return [*((name, _shown(split)) for name, split in record.data.items()), *_of_files(record.provenance, "")]


def copy_of(split: DataIdentity) -> str:
    """Which copy of the images it is, in words; empty where nobody looked."""
    medians = f" (sides {split.short_side} and {split.long_side} in the median)" if split.short_side else ""
    return f"{split.sizes}{medians}" if split.sizes else ""


def _shown(split: DataIdentity) -> str:
    found = {
        "sha256": split.names_sha256,
        "sample": split.sample_sha256,
        "sides": split.sides_sha256,
        "all bytes": split.full_sha256,
    }
    parts = [
        f"{split.images} images",
        copy_of(split),
        *(f"{what} {digest}" for what, digest in found.items() if digest),
    ]
    return ", ".join(part for part in parts if part)


def _of_files(provenance: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for name, value in provenance.items():
        if isinstance(value, Mapping) and "sha256" in value:
            images = f"{value['images']} images, " if "images" in value else ""
            yield prefix + name, f"{images}sha256 {value['sha256']}"
        elif isinstance(value, Mapping):
            yield from _of_files(value, f"{prefix}{name}.")
        elif name.endswith("sha256"):
            yield prefix + name.removesuffix("_sha256"), f"sha256 {value}"
