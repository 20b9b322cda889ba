"""mmdet, importable beside mmcv-lite: the one module that knows which compiled operators of mmcv are missing.

mmcv's operators come as source code that takes most of an hour to compile; mmcv-lite is the same package without them.
Mask R-CNN needs two: non-maximum suppression and RoIAlign. Where mmcv is compiled, its own serve. Otherwise a module
takes the place of ``mmcv._ext`` and computes the two with torchvision's compiled kernels (CPU or CUDA), or, where those
do not load either, in plain torch (:mod:`transfer.operators`). Every other operator raises when it is called.
"""

import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any, NoReturn

import core.vision  # noqa: F401  (mmengine imports torchvision, which must be importable)
from core.errors import InputError
from transfer.config import DETECTION_PACKAGES as PACKAGES
from transfer.operators import Operators, kernels

EXTENSION = "mmcv._ext"


def is_installed() -> bool:
    """Whether everything that detection imports is there."""
    return not _missing()


def load() -> None:
    """Import mmdet with its models; afterwards ``import mmdet`` works everywhere.

    Raises:
        InputError: a package is not installed.
    """
    missing = _missing()
    if missing:
        raise InputError(
            f"Detection needs the package {missing[0]}, which is not installed: install requirements.lock, or leave "
            "detection out with --set evaluate.detection=null."
        )
    if EXTENSION not in sys.modules and importlib.util.find_spec(EXTENSION) is None:
        sys.modules[EXTENSION] = _stand_in()
    importlib.import_module("mmdet.utils").register_all_modules()


def _missing() -> list[str]:
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def operators_in_use() -> str:
    """Whose operators serve: ``mmcv``, ``torchvision`` or ``torch``; for the record."""
    if not isinstance(sys.modules.get(EXTENSION), _StandIn):
        return "mmcv"
    return kernels().name


class _StandIn(types.ModuleType):
    """A module that has every operator that mmcv looks for when it is imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return functools.partial(_refuse, name)


def _refuse(name: str, *_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError(f"{EXTENSION}.{name} is not compiled: build mmcv 2.1.0 from source to use it.")


def _stand_in() -> types.ModuleType:
    module = _StandIn(EXTENSION, __doc__)
    module.__spec__ = importlib.machinery.ModuleSpec(EXTENSION, None)
    vars(module).update(Operators(kernels()).by_name())
    return module
