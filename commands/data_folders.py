"""Whether everything that a profile names on disk is there."""

from pathlib import Path

from core.errors import InputError
from data.config import ListedSubset
from profiles.schema import Profile, ReleasedMethod


def require_data(profile: Profile) -> None:
    """Without a miniature, every data folder and every list of images must be there before anything starts.

    Raises:
        InputError: one is not.
    """
    if profile.miniature is not None:
        return
    folders = {f"data.webvision.{name}.folder": part.folder for name, part in profile.data.webvision.items()}
    folders |= {"data.imagenet": profile.data.imagenet, "data.voc07": profile.data.voc07}
    if profile.data.places205:
        folders["data.places205.folder"] = profile.data.places205.folder
    if profile.data.coco:
        folders["data.coco.folder"] = profile.data.coco.folder
    variants = {"data.imagenet_r.folder": profile.data.imagenet_r, "data.imagenet_a.folder": profile.data.imagenet_a}
    folders |= {key: variant.folder for key, variant in variants.items() if variant is not None}
    for key, folder in folders.items():
        if not Path(folder).is_dir():
            raise InputError(f"{key}: the folder {folder} does not exist; name the right one with --set {key}=FOLDER.")
    for name, part in profile.data.webvision.items():
        if part.exclusions is not None and not Path(part.exclusions).is_file():
            key = f"data.webvision.{name}.exclusions"
            raise InputError(
                f"{key}: the list {part.exclusions} does not exist; name the right one with --set {key}=FILE."
            )
    for name, method in profile.methods.items():
        if isinstance(method, ReleasedMethod) and not Path(method.file).is_file():
            key = f"methods.{name}"
            raise InputError(
                f"{key}.file: the checkpoint {method.file} does not exist; name the right one with --set "
                f"{key}.file=FILE, or leave the method out with --set {key}=null."
            )
    subsets = profile.evaluate.finetune.subsets if profile.evaluate.finetune else {}
    for name, subset in subsets.items():
        if isinstance(subset, ListedSubset) and not Path(subset.file).is_file():
            key = f"evaluate.finetune.subsets.{name}.file"
            raise InputError(f"{key}: the list {subset.file} does not exist; name the right one with --set {key}=FILE.")
