"""The operators of mmcv against plain references that loop over everything, and what is said without mmdet."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from transfer import mmdetection

REPOSITORY = Path(__file__).resolve().parent.parent
SEEDS = st.integers(0, 2**32 - 1)


def boxes(count: int, rng: np.random.Generator) -> torch.Tensor:
    """Also outside the image, empty and turned inside out."""
    corner = rng.uniform(-6, 22, (count, 2))
    return torch.tensor(np.concatenate([corner, corner + rng.uniform(-3, 18, (count, 2))], 1))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(0, 30), st.sampled_from([0.2, 0.5, 0.7]))
def test_suppression_keeps_what_no_better_box_overlaps(seed, count, threshold):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 20, (count, 2))
    some = np.concatenate([corner, corner + rng.uniform(1, 18, (count, 2))], 1).astype(np.float32)
    scores = rng.permutation(count) / max(count, 1)
    kept: list[int] = []
    for row in np.argsort(-scores):
        if all(overlap(some[row], some[better]) <= threshold for better in kept):
            kept.append(int(row))
    found = mmdetection.nms(torch.tensor(some), torch.tensor(scores), threshold, offset=0)
    assert found.tolist() == kept


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


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.integers(0, 4), st.sampled_from([0, 2]), st.booleans())
def test_pooling_averages_bilinear_samples(seed, count, sampling, aligned):
    rng = np.random.default_rng(seed)
    images = torch.tensor(rng.normal(size=(2, 3, 9, 11)))
    rois = torch.cat([torch.tensor(rng.integers(2, size=(count, 1))).double(), boxes(count, rng)], 1)
    sizes = (0.5, 3, 2)
    expected = pooled(images.numpy(), rois.numpy(), *sizes, sampling, aligned)
    found = mmdetection.plain_roi_align(images, rois, *sizes, sampling, aligned)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
    # Pooling is linear: its gradient is its transpose.
    gradient = torch.tensor(rng.normal(size=found.shape))
    backward = mmdetection.plain_roi_align_backward(gradient, rois, *sizes, *images.shape, sampling, aligned)
    torch.testing.assert_close((backward * images).sum(), (gradient * found).sum())


def test_mmcv_calls_these_operators():
    mmdetection.load()
    from mmcv.ops import RoIAlign, nms, soft_nms

    images = torch.rand(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 1.0, 1.5, 6.0, 7.0]], dtype=torch.float64)
    pool = RoIAlign(output_size=3, spatial_scale=0.5, sampling_ratio=0)
    assert torch.autograd.gradcheck(lambda images: pool(images, rois), images)
    two = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]])
    kept, rows = nms(two, torch.tensor([0.3, 0.6]), 0.5)
    assert rows.tolist() == [1] and kept.shape == (1, 5)
    if mmdetection.operators_in_use() != "mmcv":
        with pytest.raises(NotImplementedError, match=r"softnms is not compiled"):
            soft_nms(two, torch.tensor([0.3, 0.6]))


def test_without_mmdet_detection_alone_says_so(monkeypatch):
    monkeypatch.setattr(mmdetection, "PACKAGES", ("mmengine", "mmdet_that_is_not_there"))
    assert not mmdetection.is_installed()
    with pytest.raises(InputError, match=r"Detection needs the package mmdet_that_is_not_there, .*requirements\.lock"):
        mmdetection.load()


def test_without_mmdet_the_stage_can_be_imported_and_all_else_runs():
    """In a process of its own that hides mmdet."""
    program = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "mmdet" else find(name, *rest)
import transfer.detection, transfer.finetuning, run_all
from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import load_profile
job = next(job for job in jobs_of(load_profile("mini")) if job.name.startswith("detection"))
try:
    transfer.detection.run(job.configuration, None)
except InputError as error:
    print(error.sentence)
sys.exit("mmengine" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Detection needs the package mmdet, which is not installed")


@pytest.mark.parametrize(("asked_for", "serving"), [("plain", "torch"), ("compiled", "torchvision")])
def test_plain_operators_serve_where_they_are_asked_for(monkeypatch, asked_for, serving):
    """Also where torchvision's are compiled; a machine on which they are not plays one on which they are."""
    monkeypatch.setattr(mmdetection, "_asked_for", "compiled")
    mmdetection.load(asked_for)
    if mmdetection.operators_in_use() == "mmcv":
        pytest.skip("mmcv is compiled here")
    monkeypatch.setattr(mmdetection, "_torchvision_is_compiled", lambda: True)
    assert mmdetection.operators_in_use() == serving
    if asked_for == "plain":
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]])
        assert mmdetection.nms(boxes, torch.tensor([0.3, 0.6]), 0.5, 0).tolist() == [1]


def test_plain_operators_cannot_take_the_place_of_compiled_mmcv(monkeypatch):
    mmdetection.load()
    monkeypatch.setattr(mmdetection, "_stands_in", lambda: False)
    with pytest.raises(InputError, match=r"operators: plain asks for .* install mmcv-lite in its place"):
        mmdetection.load("plain")
