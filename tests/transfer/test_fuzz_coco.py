"""The gate of COCO: whatever a data set holds is refused in one sentence, or trains, and its truth scores 100."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from data.sets.coco.reader import IMAGES, COCOSplit, read_coco
from data.sets.coco.verification import coco_split
from metrics.detection import average_precision
from tests.support.coco_world import CLASSES, random_coco, truth_as_detections, write_annotations, write_coco
from tests.support.fuzzing import fuzz
from tests.transfer.test_detection import configuration
from transfer.detection import mmdetection
from transfer.detection.config import DetectionConfig

mmdetection.load()
from mmdet.registry import DATASETS  # noqa: E402  (mmdet is importable only after the line above)

from transfer.detection.mmdet_config import dataset_config  # noqa: E402

JUNK = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3.5,
    31,
    1e-9,
    -0.5,
    1e300,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "7",
    "\0",
    "\udce9",
)
JUNK = (
    *JUNK,
    [[1, 1, 9, 1, 9, 9, 1]],
    [[1, 1, 9, 9, 1, 1]],
    [[4, 4, 5, 4, 5, 5]],
    [1, 1, -4, 4],
    [1, 1, 4, 0],
    "\ud800",
    "..",
    [],
    {},
    [[]],
    [0, 0, 0, 0],
    {"size": [1, 1], "counts": [1]},
    {"counts": "0" * 40},
)


def place_of(values: Any, depth: int, choose: int) -> tuple[Any, Any]:
    """A random place: through random keys, so that the many numbers of a polygon don't hide all others."""
    container, key = None, None
    for _ in range(depth):
        if not isinstance(values, dict | list) or not values:
            break
        keys = list(values) if isinstance(values, dict) else range(len(values))
        choose, turn = divmod(choose, len(keys))
        container, key = values, keys[turn]
        values = values[key]
    return container, key


@st.composite
def damaged(draw: st.DrawFn) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """A COCO with some damage to its annotations, and what happens to files."""
    coco = random_coco(draw(st.integers(0, 2**32)))
    written = copy.deepcopy(coco)
    for _ in range(draw(st.integers(0, 3))):
        values = written[draw(st.sampled_from(sorted(written)))]
        within = draw(st.sampled_from(["", "images", "categories", *["annotations"] * 5]))
        depth = draw(st.sampled_from([1, 2, 2, 2, 3, 4, 5]))
        container, key = place_of(values.get(within) or values, depth, draw(st.integers(0, 10**6)))
        if container is None:
            continue
        match draw(st.sampled_from(["replace", "move", "delete", "repeat", "empty", "ignore", "swap"])):
            case "replace":
                container[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
            case "move" if type(container[key]) in (int, float):
                container[key] += draw(st.sampled_from([-200, -1, -0.25, 0.25, 1, 200]))
            case "delete":
                del container[key]
            case "repeat" if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case "empty" if isinstance(container[key], list | dict):
                container[key].clear()
            case "ignore" if isinstance(container[key], dict):
                container[key] |= {"ignore": 1, "iscrowd": draw(st.integers(0, 1))}
            case "swap" if isinstance(container[key], dict) and {"width", "height"} <= container[key].keys():
                image = container[key]
                image["width"], image["height"] = image["height"], image["width"]
    files = draw(st.lists(st.tuples(st.sampled_from(["delete", "shorten", "folder"]), st.integers(0, 99)), max_size=1))
    return {"whole": coco, "written": written}, files if draw(st.booleans()) else []


def damage_file(root: Path, what: str, choose: int) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    path = files[choose % len(files)]
    content = path.read_bytes()
    path.unlink()
    if what == "shorten":
        path.write_bytes(content[: len(content) * choose // 100])
    if what == "folder":
        path.mkdir()


def assert_is_usable(splits: dict[str, COCOSplit], val: dict[str, Any]) -> None:
    """mmdet reads every training image without an objection, and the truth of val scores 100."""
    config = DetectionConfig.model_validate(configuration(classes=CLASSES))
    settings = dataset_config(splits["train"], config, training=True)
    dataset = DATASETS.build(settings | {"serialize_data": False})  # which collects garbage each time
    samples = [dataset[index] for index in range(len(dataset))]
    assert any(len(sample["data_samples"].gt_instances) for sample in samples)
    metrics = average_precision(
        splits["val"].annotations.read_bytes(), truth_as_detections(val, np.random.default_rng(0))
    )
    assert {"box_ap", "mask_ap"} <= metrics.keys()
    assert {name: metric["value"] for name, metric in metrics.items()} == dict.fromkeys(metrics, pytest.approx(100))


@given(damaged())
def refused_in_a_sentence_or_usable(case: tuple[dict[str, Any], list[tuple[str, int]]]) -> None:
    coco, files = case
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_coco(root, coco["whole"])
        for split, values in coco["written"].items():
            write_annotations(root, split, values)
        for what, choose in files:
            damage_file(root, what, choose)
        found = [fault for split in IMAGES for fault in coco_split(root, split, CLASSES, None).inspect().faults]
        assert all("\n" not in fault for fault in found)
        try:
            splits = read_coco(root, CLASSES)
        except InputError as error:
            assert "\n" not in error.sentence
            assert found or "train and val need the same categories" in error.sentence
            return
        assert all("has no image of" in fault for fault in found)
        if "shorten" not in dict(files):  # pixels are looked at when they are decoded
            assert_is_usable(splits, coco["written"]["val"])


def test_fuzz_coco():
    fuzz(refused_in_a_sentence_or_usable)
