"""Non-maximum suppression and RoIAlign under mmcv's signatures, by torchvision's compiled kernels or in plain torch.

The two sets of kernels take the same arguments and give the same results. They see floats of 32 or 64 bits alone, all
of one type: mmcv's callers mix types (under autocast, boxes are of 32 bits beside scores of 16), which torchvision's
kernels refuse, and 16 bits are too few for the coordinates of a box.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from transfer.detection.config import OperatorChoice

AVERAGE = 1  # mmcv's number for average pooling in RoIAlign
ROIS_AT_ONCE = 64


@dataclass(frozen=True)
class Kernels:
    """The three operators as torchvision's compiled kernels are called.

    Attributes:
        name: whose they are, for the record.
        nms: see :func:`plain_nms`.
        roi_align: see :func:`plain_roi_align`.
        roi_align_backward: see :func:`plain_roi_align_backward`.
    """

    name: str
    nms: Callable[..., torch.Tensor]
    roi_align: Callable[..., torch.Tensor]
    roi_align_backward: Callable[..., torch.Tensor]


def torchvision_is_compiled() -> bool:
    """Whether torchvision's compiled kernels load beside this torch."""
    return importlib.import_module("torchvision.extension")._has_ops()


def compiled_kernels() -> Kernels:
    """Those of torchvision, for CPU and CUDA."""
    of_torchvision = torch.ops.torchvision
    return Kernels("torchvision", of_torchvision.nms, of_torchvision.roi_align, of_torchvision._roi_align_backward)


def plain_kernels() -> Kernels:
    """Those of this module."""
    return Kernels("torch", plain_nms, plain_roi_align, plain_roi_align_backward)


def kernels(asked_for: OperatorChoice) -> Kernels:
    """The plain kernels where they are asked for; else the compiled ones if they load, otherwise the plain ones too."""
    return compiled_kernels() if asked_for == "compiled" and torchvision_is_compiled() else plain_kernels()


@dataclass(frozen=True)
class Operators:
    """The three operators under the signatures by which mmcv calls them."""

    kernels: Kernels

    def by_name(self) -> dict[str, Callable]:
        """Each under the name that mmcv looks for."""
        names = ("nms", "roi_align_forward", "roi_align_backward")
        return {name: getattr(self, name) for name in names}

    def nms(self, boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int) -> torch.Tensor:
        """Rows of the boxes that stay, by descending score, of equal scores the first row first.

        Args:
            boxes: ``[n, 4]``, left, top, right, bottom.
            scores: ``[n]``; NaN counts as the highest.
            iou_threshold: a box that overlaps a better one by more than this goes.
            offset: added to widths and heights.
        """
        boxes, scores = _of_one_type(boxes, scores)
        widened = boxes + boxes.new_tensor([0, 0, offset, offset])
        return self.kernels.nms(widened, scores, iou_threshold)

    def roi_align_forward(
        self,
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
        """Fill ``output`` ``[k, c, aligned_height, aligned_width]`` from ``input`` ``[n, c, h, w]``.

        Raises:
            NotImplementedError: the pooling is not that of averages.
        """
        _require_average(pool_mode)
        images, rois = _of_one_type(input, rois)
        sizes = (spatial_scale, aligned_height, aligned_width)
        with torch.autocast(images.device.type, enabled=False):
            output.copy_(self.kernels.roi_align(images, rois, *sizes, sampling_ratio, aligned))

    def roi_align_backward(
        self,
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
        """Fill ``grad_input`` ``[n, c, h, w]``.

        Raises:
            NotImplementedError: the pooling is not that of averages.
        """
        _require_average(pool_mode)
        gradient, rois = _of_one_type(grad_output, rois)
        sizes = (spatial_scale, aligned_height, aligned_width, *grad_input.shape)
        with torch.autocast(gradient.device.type, enabled=False):
            grad_input.copy_(self.kernels.roi_align_backward(gradient, rois, *sizes, sampling_ratio, aligned))


def _require_average(pool_mode: int) -> None:
    if pool_mode != AVERAGE:
        raise NotImplementedError(
            "RoIAlign with maximum pooling is not compiled: build mmcv 2.1.0 from source to use it."
        )


def _of_one_type(one: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both in the type that holds either, at least of 32 bits."""
    wide = torch.promote_types(torch.promote_types(one.dtype, other.dtype), torch.float32)
    return one.to(wide), other.to(wide)


# The same in plain torch, as torchvision's compiled kernels are called.


def plain_nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Go through the boxes by descending score; each that is still there removes what overlaps it."""
    order = scores.argsort(descending=True, stable=True)
    left, top, right, bottom = boxes[order].cpu().numpy().T
    areas = (right - left) * (bottom - top)
    rows = np.arange(len(order))
    kept = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rows]) - np.maximum(left[best], left[rows])
        height = np.minimum(bottom[best], bottom[rows]) - np.maximum(top[best], top[rows])
        common = width.clip(min=0) * height.clip(min=0)
        with np.errstate(all="ignore"):  # two boxes without an area: 0 / 0 is no overlap
            overlap = common / (areas[best] + areas[rows] - common)
        rows = rows[~(overlap > np.float64(iou_threshold))]
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
