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
from core.extras import how_to_install
from transfer.detection.config import PACKAGES, OperatorChoice
from transfer.detection.operators import Kernels, Operators, kernels

EXTENSION = "mmcv._ext"


def is_installed() -> bool:
    """Whether everything that detection imports is there."""
    return not _missing()


def load(operators: OperatorChoice = "compiled") -> None:
    """Import mmdet with its models; afterwards ``import mmdet`` works everywhere.

    Args:
        operators: those that serve from now on.

    Raises:
        InputError: a package is not installed, or plain operators are asked for where mmcv has compiled ones.
    """
    missing = _missing()
    if missing:
        raise InputError(
            f"Detection needs the package {missing[0]}, which is not installed: {how_to_install(missing[0])}, or leave "
            "detection out with --set evaluate.detection=null."
        )
    if EXTENSION not in sys.modules and importlib.util.find_spec(EXTENSION) is None:
        sys.modules[EXTENSION] = _StandIn(EXTENSION)
    stand_in = _in_place()
    if stand_in is not None:
        stand_in.serve(kernels(operators))
    elif operators == "plain":
        raise InputError(
            "evaluate.detection.operators: plain asks for operators in plain torch, but mmcv has compiled ones here: "
            "install mmcv-lite in its place, or ask for compiled ones."
        )
    importlib.import_module("mmdet.utils").register_all_modules()


def _missing() -> list[str]:
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def operators_in_use() -> str:
    """Whose operators serve: ``mmcv``, ``torchvision`` or ``torch``; for the record."""
    stand_in = _in_place()
    return "mmcv" if stand_in is None else stand_in.kernels.name


class _StandIn(types.ModuleType):
    """A module that has every operator that mmcv looks for when it is imported.

    Attributes:
        kernels: behind the operators that can be called.
    """

    kernels: Kernels

    def __init__(self, name: str) -> None:
        super().__init__(name, __doc__)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)

    def serve(self, kernels: Kernels) -> None:
        """Let the operators be these from now on."""
        self.kernels = kernels
        vars(self).update(Operators(kernels).by_name())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return functools.partial(_refuse, name)


def _in_place() -> _StandIn | None:
    """What stands in for mmcv's own operators; None where those are compiled."""
    module = sys.modules.get(EXTENSION)
    return module if isinstance(module, _StandIn) else None


def _refuse(name: str, *_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError(f"{EXTENSION}.{name} is not compiled: build mmcv 2.1.0 from source to use it.")
