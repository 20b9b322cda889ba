"""The profile that evaluates one checkpoint: the protocols of another profile, and nothing else of it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import InputError
from core.files import sha256_of
from pretrain.config import ReleasedFile
from pretrain.layouts import NAMES
from profiles.load import validated
from profiles.schema import Profile, slug

ENDINGS = re.compile(r"(\.(pt|pth|tar|ckpt|bin|safetensors))+$")
ASSUMED = "ImageNet's own labels, and is not fine-tuned on a part of them (if it did not: --web-labels)"
LONGEST = 50  # of what folders are called by


class OfCheckpoint(NamedTuple):
    """A profile of one method, a checkpoint.

    Attributes:
        profile: called by the file.
        described: what the file was found to be, as a phrase.
        left_out: the evaluations that it has nothing for, each list by the reason.
    """

    profile: Profile
    described: str
    left_out: Mapping[str, list[str]]


def of_checkpoint(
    path: Path, folders: Mapping[str, Path], protocols: Profile, gpus: int, layout: str | None, has_web_labels: bool
) -> OfCheckpoint:
    """The profile of a checkpoint, whose file says what it is.

    Its classifier is evaluated if it has as many classes as the ImageNet of the protocols.

    Args:
        path: of the file.
        folders: of data sets, by their keys in a profile; the others stay where the protocols have them.
        protocols: the profile that says how evaluations go.
        gpus: of this machine; jobs of more processes than that have fewer.
        layout: the only one to be considered; None for all.
        has_web_labels: whether the classifier was trained on the labels of web images, and never on ImageNet's own.

    Raises:
        InputError: the file is no checkpoint of a known layout, or the protocols know nothing of a data set.
    """
    from pretrain.released import opened  # alone takes the time that torch takes

    if layout not in (None, *NAMES):
        raise InputError(f"--layout {layout}: there is no such layout, expected one of {', '.join(NAMES)}.")
    release = opened(path, layout)
    classes = protocols.imagenet_classes or ReleasedFile.model_fields["classes"].default
    can_classify = release.classes == classes
    labels = "web" if has_web_labels else "imagenet"
    method = {
        "objective": "released",
        "file": os.path.abspath(path),
        "layout": layout,
        "sha256": sha256_of(path),
        "classifier": labels if can_classify else "none",
        "classes": classes,
    }
    profile = _profile(path, method, folders, protocols, gpus)
    left_out = {}
    if not can_classify:
        asking = [it.id for it, _ in profile.evaluate.sections if it.needs == "classifier"]
        left_out[f"they need a classifier of ImageNet's {classes} classes"] = asking
    held = f"a classifier of {release.classes} classes" if release.classes else "no classifier that can be used"
    if can_classify:
        held += f", which learned {'the labels of web images' if has_web_labels else ASSUMED}"
    described = f"ResNet-{release.trunk.backbone.depth}, layout {release.layout.name}, {held}"
    return OfCheckpoint(profile, described, left_out)


def _profile(
    path: Path, method: Mapping[str, Any], folders: Mapping[str, Path], protocols: Profile, gpus: int
) -> Profile:
    """The protocols' profile with one method, and nothing that is trained, made or claimed."""
    stem = ENDINGS.sub("", path.name)
    name = slug(stem).replace(".", "-")[:LONGEST].strip("-") or "checkpoint"
    values = protocols.model_dump(mode="json") | {
        "name": f"evaluate-{name}",
        "seeds": [protocols.seeds[0]],
        "methods": {name: {**method, "title": _printable(stem), "pretrained_on": "not stated"}},
        "claims": None,
        "miniature": None,
        "hard_images": None,
    }
    for evaluation, _ in protocols.evaluate.sections:
        if evaluation.needs == "training" and not evaluation.is_required:
            values["evaluate"][evaluation.key] = None
    for key, folder in folders.items():
        values["data"][key] = _lying_in(folder, values["data"][key], f"data.{key}", protocols.name)
    for resources in values["resources"].values():
        if resources["gpus"]:
            resources["nodes"] = 1
            resources["tasks"] = next(it for it in range(max(gpus, 1), 0, -1) if resources["tasks"] % it == 0)
    return validated(values, f"The profile of {path}")


def _lying_in(folder: Path, section: Any, key: str, profile: str) -> Any:
    """The section of a data set with another folder; of several sets of a kind, of each."""
    if section is None or section == {}:
        raise InputError(f"The profile {profile} has no {key}: take the protocols of another one, with --profile.")
    if not isinstance(section, dict):
        return os.path.abspath(folder)
    if "folder" in section:
        return section | {"folder": os.path.abspath(folder)}
    return {name: _lying_in(folder, one, key, profile) for name, one in section.items()}


def _printable(stem: str) -> str:
    return ascii(stem)[1:-1][:64] if not stem.isprintable() or not stem.strip() else stem[:64]
