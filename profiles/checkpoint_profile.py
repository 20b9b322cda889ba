"""The profile that evaluates one checkpoint: the protocols of another profile, and nothing else of it."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import InputError
from core.files import sha256_of
from core.user_code import absolute_reference, is_reference, load
from pretrain.config import ReleasedFile
from pretrain.layouts import NAMES
from profiles.load import validated
from profiles.schema import Profile, slug

ENDINGS = re.compile(r"(\.(pt|pth|tar|ckpt|bin|safetensors))+$")
ASSUMED = "ImageNet's own labels, and is not fine-tuned on a part of them (if it did not: --web-labels)"
NEEDED = ("classifier", "trunk")  # of a checkpoint, which not every one has
LONGEST = 46  # of a file's name in that of a folder
DIGITS = 8  # of a digest, in that of a folder


class CheckpointDescription(NamedTuple):
    """What a checkpoint was found to be.

    Attributes:
        method: keys of a profile's method.
        described: as a phrase.
        classes: of its classifier; None where there is none that can be used.
        can_be_trained: whether trainings can go on with its network.
    """

    method: Mapping[str, Any]
    described: str
    classes: int | None
    can_be_trained: bool


class CheckpointProfile(NamedTuple):
    """A profile of one method, a checkpoint.

    Attributes:
        profile: called by the file's name and content.
        described: what the file was found to be, as a phrase.
        left_out: the evaluations that it has nothing for, by their keys, each list by the reason.
    """

    profile: Profile
    described: str
    left_out: Mapping[str, list[str]]


def described_by_names(path: Path, layout: str | None) -> CheckpointDescription:
    """What names and shapes of a file's tensors say.

    Args:
        path: of the file.
        layout: the only one to be considered; None for all.

    Raises:
        InputError: the file is of no known layout, or of several.
    """
    from pretrain.released import opened  # alone takes the time that torch takes

    if layout not in (None, *NAMES):
        raise InputError(f"--layout {layout}: there is no such layout, expected one of {', '.join(NAMES)}.")
    release = opened(path, layout)
    described = f"ResNet-{release.trunk.backbone.depth}, layout {release.layout.name}"
    return CheckpointDescription(
        {"objective": "released", "layout": layout}, described, release.classes, can_be_trained=True
    )


def described_by_building(path: Path, reference: str, protocols: Profile) -> CheckpointDescription:
    """What a user's function builds from a file.

    Args:
        path: of the file.
        reference: the function, with the path of its file.
        protocols: that tell the size of images.

    Raises:
        InputError: the checkpoint does not exist, or the user's file is at fault.
    """
    from pretrain.built import module_of, size_of  # alone takes the time that torch takes

    if not is_reference(reference):
        raise InputError(f"--model {reference}: expected a file and a function in it, such as ./mine.py:build.")
    if not path.is_file():
        raise InputError(f"The checkpoint {path} does not exist: correct its path.")
    model = absolute_reference(reference, Path())
    size = size_of(module_of(model, path), protocols.evaluate.accuracy.view.crop)
    described = f"what {reference} builds, {size.features} features"
    return CheckpointDescription({"objective": "built", "model": model}, described, size.classes, can_be_trained=False)


def profile_of_checkpoint(
    path: Path,
    found: CheckpointDescription,
    folders: Mapping[str, Path],
    protocols: Profile,
    gpus: int,
    has_web_labels: bool,
) -> CheckpointProfile:
    """The profile of a checkpoint; its classifier is evaluated if it has the classes of the protocols' ImageNet.

    Args:
        path: of the file.
        found: what it says of itself.
        folders: of data sets, by their keys in a profile; the others stay where the protocols have them.
        protocols: the profile that says how evaluations go.
        gpus: of this machine; jobs of more processes than that have fewer.
        has_web_labels: whether the classifier was trained on the labels of web images, and never on ImageNet's own.

    Raises:
        InputError: the protocols know nothing of a data set.
    """
    classes = protocols.imagenet_classes or ReleasedFile.model_fields["classes"].default
    can_classify = found.classes == classes
    labels = "web" if has_web_labels else "imagenet"
    method = {
        **found.method,
        "file": os.path.abspath(path),
        "sha256": sha256_of(path),
        "classifier": labels if can_classify else "none",
        "classes": classes,
    }
    profile = _profile(path, method, folders, protocols, gpus)
    asking = {needed: [it.key for it, _ in profile.evaluate.sections if it.needs == needed] for needed in NEEDED}
    left_out = {}
    if not can_classify:
        left_out[f"they need a classifier of ImageNet's {classes} classes"] = asking["classifier"]
    if not found.can_be_trained:
        left_out["they train on a ResNet, and a module of your own is evaluated as it is"] = asking["trunk"]
    held = f"a classifier of {found.classes} classes" if found.classes else "no classifier that can be used"
    if can_classify and found.can_be_trained:
        held += f", which learned {'the labels of web images' if has_web_labels else ASSUMED}"
    return CheckpointProfile(
        profile, f"{found.described}, {held}", {why: left for why, left in left_out.items() if left}
    )


def _profile(
    path: Path, method: Mapping[str, Any], folders: Mapping[str, Path], protocols: Profile, gpus: int
) -> Profile:
    """The protocols' profile with one method, and nothing that is trained, made or claimed."""
    stem = ENDINGS.sub("", path.name)
    name = slug(stem).replace(".", "-")[:LONGEST].strip("-") or "checkpoint"
    values = protocols.model_dump(mode="json") | {
        "name": f"evaluate-{name}-{_digest(method)}",
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


def _digest(method: Mapping[str, Any]) -> str:
    """Of what the checkpoint is, so that one of the same name lies in another folder."""
    content = method["sha256"]
    if model := method.get("model"):
        content += f"{load(model).sha256}:{model.rpartition(':')[2]}"
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


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
