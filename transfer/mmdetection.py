"""mmdet, importable beside mmcv-lite: the one module that knows which compiled operators of mmcv are missing.

mmcv's operators come as source code that takes most of an hour to compile; mmcv-lite is the same package without them.
Mask R-CNN needs two: non-maximum suppression and RoIAlign. Where mmcv is compiled, its own serve. Otherwise a module
takes the place of ``mmcv._ext`` and computes the two with torchvision's compiled kernels (CPU or CUDA), or, where those
do not load either, in plain torch. Every other operator raises when it is called.
"""

import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, NoReturn

import numpy as np
import torch

import core.vision  # noqa: F401  (mmengine imports torchvision, which must be importable)
from core.errors import InputError

PACKAGES = ("mmengine", "mmcv", "mmdet", "pycocotools", "faster_coco_eval")
EXTENSION = "mmcv._ext"
AVERAGE = 1  # mmcv's number for average pooling in RoIAlign
ROIS_AT_ONCE = 64

Operators = Literal["plain", "compiled"]
_asked_for: Operators = "compiled"


def is_installed() -> bool:
    """Whether everything that detection imports is there."""
    return not _missing()


def load(operators: Operators = "compiled") -> None:
    """Import mmdet with its models; afterwards ``import mmdet`` works everywhere.

    Args:
        operators: that serve from now on: those in plain torch, or compiled ones where there are any.

    Raises:
        InputError: a package is not installed, or plain operators are asked for where mmcv has its own.
    """
    missing = _missing()
    if missing:
        raise InputError(
            f"Detection needs the package {missing[0]}, which is not installed: install requirements.lock, or leave "
            "detection out with --set evaluate.detection=null."
        )
    if EXTENSION not in sys.modules and importlib.util.find_spec(EXTENSION) is None:
        sys.modules[EXTENSION] = _stand_in()
    if operators == "plain" and not _stands_in():
        raise InputError(
            "evaluate.detection.operators: plain asks for operators in plain torch, but mmcv has compiled ones here: "
            "install mmcv-lite in its place, or ask for compiled ones."
        )
    global _asked_for
    _asked_for = operators
    importlib.import_module("mmdet.utils").register_all_modules()


def _missing() -> list[str]:
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def operators_in_use() -> str:
    """Whose operators serve: ``mmcv``, ``torchvision`` or ``torch``; for the record."""
    if not _stands_in():
        return "mmcv"
    return "torchvision" if _torchvision_serves() else "torch"


def _stands_in() -> bool:
    return isinstance(sys.modules.get(EXTENSION), _StandIn)


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
    vars(module).update(nms=nms, roi_align_forward=roi_align_forward, roi_align_backward=roi_align_backward)
    return module


def _torchvision_serves() -> bool:
    return _asked_for == "compiled" and _torchvision_is_compiled()


@functools.cache
def _torchvision_is_compiled() -> bool:
    return importlib.import_module("torchvision.extension")._has_ops()


# The three operators under the signatures by which mmcv calls them.


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int) -> torch.Tensor:
    """Rows of the boxes that stay, by descending score.

    Args:
        boxes: ``[n, 4]``, left, top, right, bottom.
        scores: ``[n]``.
        iou_threshold: a box that overlaps a better one by more than this goes.
        offset: added to widths and heights.
    """
    widened = boxes + boxes.new_tensor([0, 0, offset, offset])
    return (torch.ops.torchvision.nms if _torchvision_serves() else plain_nms)(widened, scores, iou_threshold)


def roi_align_forward(
    input: torch.Tensor,
    rois: torch.Tensor,
    output: torch.Tensor,
    argmax_y: torch.Tensor,
    argmax_x: torch.Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``output`` ``[k, c, aligned_height, aligned_width]`` from ``input`` ``[n, c, h, w]``."""
    if pool_mode != AVERAGE:
        _refuse("roi_align_forward with maximum pooling")
    pool = torch.ops.torchvision.roi_align if _torchvision_serves() else plain_roi_align
    output.copy_(pool(input, rois, spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned))


def roi_align_backward(
    grad_output: torch.Tensor,
    rois: torch.Tensor,
    argmax_y: torch.Tensor,
    argmax_x: torch.Tensor,
    grad_input: torch.Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``grad_input`` ``[n, c, h, w]``."""
    if pool_mode != AVERAGE:
        _refuse("roi_align_backward with maximum pooling")
    backward: Callable[..., torch.Tensor] = (
        torch.ops.torchvision._roi_align_backward if _torchvision_serves() else plain_roi_align_backward
    )
    sizes = (spatial_scale, aligned_height, aligned_width, *grad_input.shape)
    grad_input.copy_(backward(grad_output, rois, *sizes, sampling_ratio, aligned))


# The same in plain torch, as torchvision's compiled kernels are called.


def plain_nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Go through the boxes by descending score; each that is still there removes what overlaps it."""
    order = scores.argsort(descending=True, stable=True)
    left, top, right, bottom = boxes[order].float().cpu().numpy().T
    areas = (right - left) * (bottom - top)
    rows = np.arange(len(order))
    kept = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rows]) - np.maximum(left[best], left[rows])
        height = np.minimum(bottom[best], bottom[rows]) - np.maximum(top[best], top[rows])
        common = width.clip(min=0) * height.clip(min=0)
        rows = rows[~(common > iou_threshold * (areas[best] + areas[rows] - common))]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def plain_roi_align(
    images: torch.Tensor,
    rois: torch.Tensor,
    scale: float,
    height: int,
    width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Average of bilinear samples in each bin, ``[k, c, height, width]``.

    The samples of a RoI form a grid, so that pooling is a product with one matrix for the rows and one for the columns.

    Args:
        images: ``[n, c, h, w]``.
        rois: ``[k, 5]``, number of the image, then left, top, right, bottom.
        scale: of the image's pixels against those of the RoIs.
        height, width: number of bins.
        sampling_ratio: samples in a bin along each side; 0 for one in each pixel, rounded up.
        aligned: whether a pixel's centre lies half a pixel from its corner.
    """
    pooled = images.new_zeros(len(rois), images.shape[1], height, width)
    for image, which, rows, columns in _pooling(rois, images.shape, scale, height, width, sampling_ratio, aligned):
        pooled[which] = torch.einsum("kih,chw,kjw->kcij", rows, images[image], columns)
    return pooled


def plain_roi_align_backward(
    gradient: torch.Tensor,
    rois: torch.Tensor,
    scale: float,
    height: int,
    width: int,
    images: int,
    channels: int,
    image_height: int,
    image_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """The gradient ``[n, c, h, w]`` of the images from that of what was pooled, ``[k, c, height, width]``."""
    shape = (images, channels, image_height, image_width)
    of_images = gradient.new_zeros(shape)
    for image, which, rows, columns in _pooling(rois, shape, scale, height, width, sampling_ratio, aligned):
        of_images[image] += torch.einsum("kcij,kjw,kih->chw", gradient[which], columns, rows)
    return of_images


def _pooling(
    rois: torch.Tensor,
    shape: tuple[int, ...],
    scale: float,
    height: int,
    width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Some RoIs of one image at a time: its number, their rows, matrices ``[k, height, h]`` and ``[k, width, w]``."""
    if not len(rois):
        return
    left, top, right, bottom = (rois[:, 1:] * scale - (0.5 if aligned else 0)).T
    rows = _averages(top, bottom - top, height, sampling_ratio, shape[2], aligned)
    columns = _averages(left, right - left, width, sampling_ratio, shape[3], aligned)
    of_image = rois[:, 0].long()
    for image in range(shape[0]):
        for which in (of_image == image).nonzero().squeeze(1).split(ROIS_AT_ONCE):
            if len(which):
                yield image, which, rows[which], columns[which]


def _averages(
    start: torch.Tensor, length: torch.Tensor, bins: int, sampling_ratio: int, size: int, aligned: bool
) -> torch.Tensor:
    """``[k, bins, size]``: the weight of every pixel of an axis in every bin."""
    if not aligned:
        length = length.clamp(min=1)
    samples = (length / bins).ceil() if sampling_ratio <= 0 else torch.full_like(length, sampling_ratio)
    wanted, samples = samples[:, None, None], samples.clamp(min=1)[:, None, None]  # a RoI turned inside out wants none
    sample = torch.arange(int(samples.max()), device=start.device)
    first = torch.arange(bins, device=start.device)[None, :, None]
    place = start[:, None, None] + (first + (sample + 0.5) / samples) * (length / bins)[:, None, None]
    counts = (sample < wanted) & (place >= -1) & (place <= size)
    place = place.clamp(0, size - 1)
    lower = place.floor()
    weight = counts / samples
    matrix = start.new_zeros(len(start), bins, size)
    matrix.scatter_add_(2, lower.long(), weight * (1 - (place - lower)))
    return matrix.scatter_add_(2, (lower.long() + 1).clamp(max=size - 1), weight * (place - lower))
