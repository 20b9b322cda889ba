"""What ``run_all.py verify`` found out about data sets, for the records of jobs that read them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.workspace import VERIFICATION_FOLDER
from results.provenance import FINGERPRINT

SAME = ("sha256", "sample_sha256", "sides_sha256")  # what two fingerprints of one copy agree in
FULL = "full_sha256"


def with_full_digests(said: Mapping[str, Any], runs: Path) -> dict[str, Any]:
    """What a stage says of its inputs; every fingerprint with the digest over all images that ``verify`` has found.

    Args:
        said: the stage's provenance.
        runs: the profile's folder.
    """
    return _completed(said, _verified(runs))


def is_same_copy(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two fingerprints are of one copy of the same images."""
    return _key(one) == _key(other)


def _completed(said: Mapping[str, Any], verified: Mapping[tuple[Any, ...], str]) -> dict[str, Any]:
    completed: dict[str, Any] = {}
    for name, value in said.items():
        if not isinstance(value, Mapping):
            completed[name] = value
        elif value.keys() >= FINGERPRINT:
            found = verified.get(_key(value))
            completed[name] = {**value, FULL: found} if found else value
        else:
            completed[name] = _completed(value, verified)
    return completed


def _verified(runs: Path) -> dict[tuple[Any, ...], str]:
    """The digests over all images by what a fingerprint has to agree in."""
    found: dict[tuple[Any, ...], str] = {}
    for path in sorted((runs / VERIFICATION_FOLDER).rglob("*.json")):
        try:
            splits = json.loads(path.read_text())["splits"].values()
            found |= {_key(split["fingerprint"]): split[FULL] for split in splits if FULL in split}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # hours may lie behind the job
            print(f"warning: {path} cannot be used ({error!a}): the record goes without its digests.")
    return found


def _key(fingerprint: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(fingerprint.get(name) for name in SAME)
