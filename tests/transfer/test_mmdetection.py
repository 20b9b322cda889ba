"""The operators of mmcv against plain references that loop over everything, and what is said without mmdet."""

import itertools
import subprocess
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from tests.support import REPOSITORY
from transfer.detection import mmdetection, operators
from transfer.detection.operators import Operators, compiled_kernels, kernels, plain_kernels, torchvision_is_compiled

SEEDS = st.integers(0, 2**32 - 1)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

on_all_kernels = pytest.mark.parametrize(
    "kernels_of",
    [
        pytest.param(plain_kernels, id="torch"),
        pytest.param(
            compiled_kernels,
            id="torchvision",
            marks=pytest.mark.skipif(
                not torchvision_is_compiled(), reason="torchvision's compiled operators do not load beside this torch"
            ),
        ),
    ],
)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Of two boxes without any area: none."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / ((sum(areas) - width * height) or 1)


def staying(boxes: np.ndarray, scores: np.ndarray, threshold: float, offset: int) -> list[int]:
    widened = boxes + np.array([0, 0, offset, offset])
    kept: list[int] = []
    for row in np.argsort(np.where(np.isnan(scores), -np.inf, -scores), kind="stable"):
        if all(overlap(widened[row], widened[better]) <= threshold for better in kept):
            kept.append(int(row))
    return kept


@on_all_kernels
@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(0, 30), st.sampled_from([0.21, 0.5, 0.69]), st.integers(0, 1))
def test_suppression_keeps_what_no_better_box_overlaps(kernels_of, seed, count, threshold, offset):
    """Also of equal scores and NaN, and of boxes that are empty or turned inside out."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 20, (count, 2))
    some = np.concatenate([corner, corner + rng.integers(-2, 18, (count, 2))], 1)
    scores = rng.integers(0, 10, count) / 16
    scores[rng.random(count) < 0.1] = np.nan
    expected = staying(some, scores, threshold, offset)
    for of_boxes, of_scores in itertools.product(FLOATS, FLOATS):  # all hold these numbers exactly
        found = Operators(kernels_of()).nms(
            torch.tensor(some).to(of_boxes), torch.tensor(scores).to(of_scores), threshold, offset
        )
        assert found.tolist() == expected


def bilinear(image: np.ndarray, y: float, x: float) -> np.ndarray:
    """``image`` is ``[c, h, w]``; nothing further than a pixel outside."""
    _, height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(len(image))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    low_y, low_x = int(y), int(x)
    high_y, high_x = min(low_y + 1, height - 1), min(low_x + 1, width - 1)
    top = image[:, low_y, low_x] * (1 - x + low_x) + image[:, low_y, high_x] * (x - low_x)
    bottom = image[:, high_y, low_x] * (1 - x + low_x) + image[:, high_y, high_x] * (x - low_x)
    return top * (1 - y + low_y) + bottom * (y - low_y)


def pooled(images, rois, scale, height, width, sampling, aligned) -> np.ndarray:
    result = np.zeros((len(rois), images.shape[1], height, width))
    for row, (image, *box) in enumerate(rois):
        left, top, right, bottom = (side * scale - 0.5 * aligned for side in box)
        high, wide = bottom - top, right - left
        if not aligned:
            high, wide = max(high, 1), max(wide, 1)
        down = sampling or int(np.ceil(high / height))
        across = sampling or int(np.ceil(wide / width))
        for i, j in np.ndindex(height, width):
            samples = [
                bilinear(
                    images[int(image)],
                    top + (i + (p + 0.5) / down) * high / height,
                    left + (j + (q + 0.5) / across) * wide / width,
                )
                for p in range(down)
                for q in range(across)
            ]
            if samples:
                result[row, :, i, j] = np.mean(samples, 0)
    return result


def pooled_and_gradient(operators: Operators, images, rois, gradient, scale, height, width, sampling, aligned):
    """As mmcv calls the two, with the types of the images."""
    nothing = images.new_zeros(0)
    output, of_images = images.new_zeros(len(rois), images.shape[1], height, width), torch.zeros_like(images)
    settings_of_pooling = {
        "aligned_height": height,
        "aligned_width": width,
        "spatial_scale": scale,
        "sampling_ratio": sampling,
        "pool_mode": 1,
        "aligned": aligned,
    }
    operators.roi_align_forward(images, rois, output, nothing, nothing, **settings_of_pooling)
    operators.roi_align_backward(gradient, rois, nothing, nothing, of_images, **settings_of_pooling)
    return output, of_images


def some_regions(rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two images, and regions in eighths of a pixel: also outside the image, empty and turned inside out."""
    images = torch.tensor(rng.normal(size=(2, 3, 9, 11)))
    corner = rng.integers(-48, 176, (count, 2)) / 8
    sides = np.concatenate([corner, corner + rng.integers(-24, 144, (count, 2)) / 8], 1)
    return images, torch.tensor(np.concatenate([rng.integers(2, size=(count, 1)), sides], 1))


@on_all_kernels
@settings(deadline=None, max_examples=15)
@given(SEEDS, st.integers(0, 4), st.sampled_from([0, 2]), st.booleans())
def test_pooling_averages_bilinear_samples(kernels_of, seed, count, sampling, aligned):
    rng = np.random.default_rng(seed)
    images, rois = some_regions(rng, count)
    sizes = (0.5, 3, 2)
    expected = pooled(images.numpy(), rois.numpy(), *sizes, sampling, aligned)
    gradient = torch.tensor(rng.normal(size=expected.shape))
    found, backward = pooled_and_gradient(Operators(kernels_of()), images, rois, gradient, *sizes, sampling, aligned)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
    # Pooling is linear: its gradient is its transpose.
    torch.testing.assert_close((backward * images).sum(), (gradient * found).sum())


@on_all_kernels
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("of_images", "of_rois"), itertools.product(FLOATS, FLOATS))
def test_pooling_takes_types_of_any_width_and_computes_in_32_bits_at_least(kernels_of, autocast, of_images, of_rois):
    images, rois = some_regions(np.random.default_rng(1), 6)
    images, rois = images.to(of_images), rois.to(of_rois)
    gradient = torch.randn(6, 3, 3, 2, generator=torch.Generator().manual_seed(0)).to(of_images)
    sizes = (0.5, 3, 2, 0, True)
    with torch.autocast("cpu", enabled=autocast):
        found = pooled_and_gradient(Operators(kernels_of()), images, rois, gradient, *sizes)
    exact = pooled_and_gradient(Operators(plain_kernels()), images.double(), rois.double(), gradient.double(), *sizes)
    for ours, expected in zip(found, exact, strict=True):
        assert ours.dtype == of_images
        rounding = max(torch.finfo(of_images).eps, 1e-6)
        torch.testing.assert_close(ours.double(), expected, rtol=rounding, atol=1e-6)


@on_all_kernels
def test_mmcv_calls_these_operators(kernels_of, monkeypatch):
    mmdetection.load()
    from mmcv.ops import RoIAlign, nms, soft_nms

    if mmdetection.operators_in_use() != "mmcv":
        for name, operator in Operators(kernels_of()).by_name().items():
            monkeypatch.setattr(sys.modules[mmdetection.EXTENSION], name, operator)
        with pytest.raises(NotImplementedError, match=r"softnms is not compiled"):
            soft_nms(torch.zeros(1, 4), torch.zeros(1))
    images = torch.rand(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 1.0, 1.5, 6.0, 7.0]], dtype=torch.float64)
    pool = RoIAlign(output_size=3, spatial_scale=0.5, sampling_ratio=0)
    assert torch.autograd.gradcheck(lambda images: pool(images, rois), images)
    two = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]])
    kept, rows = nms(two, torch.tensor([0.3, 0.6]), 0.5)
    assert rows.tolist() == [1] and kept.shape == (1, 5)


def test_compiled_kernels_serve_where_they_load():
    assert kernels("plain").name == "torch"
    assert kernels("compiled").name == ("torchvision" if torchvision_is_compiled() else "torch")


@on_all_kernels
def test_maximum_pooling_is_refused(kernels_of):
    images, rois = some_regions(np.random.default_rng(0), 1)
    nothing = images.new_zeros(0)
    with pytest.raises(NotImplementedError, match="maximum pooling"):
        Operators(kernels_of()).roi_align_forward(
            images,
            rois,
            nothing,
            nothing,
            nothing,
            aligned_height=1,
            aligned_width=1,
            spatial_scale=1,
            sampling_ratio=0,
            pool_mode=0,
            aligned=True,
        )


def test_without_mmdet_detection_alone_says_so(monkeypatch):
    monkeypatch.setattr(mmdetection, "PACKAGES", ("mmengine", "mmdet_that_is_not_there"))
    assert not mmdetection.is_installed()
    with pytest.raises(InputError, match="Detection needs the package mmdet_that_is_not_there, which is not"):
        mmdetection.load()


def test_without_mmdet_the_stage_can_be_imported_and_all_else_runs():
    """In a process of its own that hides mmdet."""
    program = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "mmdet" else find(name, *rest)
import transfer.detection.stage, transfer.finetuning.stage, run_all
from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import load_profile
job = next(job for job in jobs_of(load_profile("mini")) if job.name.startswith("detection"))
try:
    transfer.detection.stage.run(job.configuration, None)
except InputError as error:
    print(error.sentence)
sys.exit("mmengine" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Detection needs the package mmdet, which is not installed: install the extra")


@pytest.mark.parametrize(("asked_for", "serving"), [("plain", "torch"), ("compiled", "torchvision")])
def test_plain_operators_serve_where_they_are_asked_for(monkeypatch, asked_for, serving):
    """Also where torchvision's are compiled; a machine on which they are not plays one on which they are."""
    mmdetection.load()
    if mmdetection.operators_in_use() == "mmcv":
        pytest.skip("mmcv is compiled here")
    from mmcv.ops import nms

    monkeypatch.setattr(operators, "torchvision_is_compiled", lambda: True)
    monkeypatch.setattr(operators, "compiled_kernels", lambda: replace(plain_kernels(), name="torchvision", nms=no_box))
    try:
        mmdetection.load(asked_for)
        assert mmdetection.operators_in_use() == serving
        two = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]])
        _, rows = nms(two, torch.tensor([0.3, 0.6]), 0.5)
        assert rows.tolist() == ([1] if asked_for == "plain" else [])
    finally:
        monkeypatch.undo()
        mmdetection.load()


def no_box(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Plays a compiled kernel that can be told from the plain one."""
    return torch.zeros(0, dtype=torch.long)


def test_plain_operators_cannot_take_the_place_of_compiled_mmcv(monkeypatch):
    """A module that is no stand-in plays compiled operators."""
    mmdetection.load()
    monkeypatch.setitem(sys.modules, mmdetection.EXTENSION, types.ModuleType(mmdetection.EXTENSION))
    with pytest.raises(InputError, match=r"operators: plain asks for .* install mmcv-lite in its place"):
        mmdetection.load("plain")
