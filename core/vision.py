"""torchvision, importable beside every build of torch.

PyPI's torchvision is compiled for CUDA. Beside a CPU-only torch its compiled operators do not load, and the import
stops because two operator schemas are missing. Declaring the two lets everything that is written in Python (models,
transforms, data sets) work. On a matching pair of builds nothing is done.
"""

import importlib
import sys

import torch

_LIBRARIES: list[torch.library.Library] = []  # a library's operators vanish with the object


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        importlib.import_module("torchvision")


_import_torchvision()

from torchvision import datasets  # noqa: E402  (only importable after the line above)
from torchvision.models import resnet  # noqa: E402

__all__ = ["datasets", "resnet"]
