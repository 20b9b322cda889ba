"""The score of detections: pycocotools' figures, and 100 for the truth of whatever is valid."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.outputs import decoded, encoded
from data.sets.coco.instances import read_instances
from data.sets.coco.reader import ANNOTATIONS, COCOSplit, read_coco, table_of
from metrics.detection import average_precision, columns, figures, resampled
from tests.support.coco_world import random_coco, truth_as_detections, write_annotations


def some_detections(split, rng: np.random.Generator) -> list[dict[str, Any]]:
    """The annotations, moved at random, with random scores, and some of them with another category."""
    values = json.loads(split.annotations.read_text())
    found = []
    for note in values["annotations"]:
        shift = rng.integers(-3, 4, 2)
        counts = note["segmentation"]["counts"]
        from pycocotools import mask as run_lengths

        code = run_lengths.frPyObjects({"size": note["segmentation"]["size"], "counts": counts}, 0, 0)
        moved = np.roll(run_lengths.decode(code), tuple(shift), (0, 1))
        code = run_lengths.encode(np.asfortranarray(moved))
        found.append(
            {
                "image_id": note["image_id"],
                "category_id": int(note["category_id"] if rng.random() < 0.8 else rng.integers(1, 11)),
                "bbox": [note["bbox"][0] + float(shift[1]), note["bbox"][1] + float(shift[0]), *note["bbox"][2:]],
                "score": float(rng.random()),
                "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
            }
        )
    return found


def test_figures_are_those_of_pycocotools(miniature):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    split = read_coco(miniature / "coco", 10)["val"]
    for seed in range(3):
        detections = some_detections(split, np.random.default_rng(seed))
        ours = average_precision(split.annotations.read_bytes(), detections)
        for name, kind in (("box", "bbox"), ("mask", "segm")):
            unused = "segmentation" if kind == "bbox" else "bbox"
            results = [{key: value for key, value in one.items() if key != unused} for one in detections]
            with contextlib.redirect_stdout(io.StringIO()):
                truth = COCO(str(split.annotations))
                evaluation = COCOeval(truth, truth.loadRes(results), kind)
                for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
                    step()
            for place, figure in enumerate(("ap", "ap50", "ap75", "ap_small", "ap_medium")):
                assert ours[f"{name}_{figure}"]["value"] == pytest.approx(100 * evaluation.stats[place], abs=1e-9)
        assert 5 < ours["box_ap"]["value"] < 95


def test_resamples_of_images_have_the_figures_of_their_images(miniature):
    """Of all images once, and of some of them: those of a file with these images alone, whatever repeats."""
    annotations = (miniature / "coco" / ANNOTATIONS["val"]).read_bytes()
    detections = some_detections(read_coco(miniature / "coco", 10)["val"], np.random.default_rng(0))
    kept = decoded(encoded(columns(annotations, detections)))
    values = json.loads(annotations)
    some = sorted(image["id"] for image in values["images"])[::2]
    weights = np.ones((len(values["images"]), 2), np.int32)
    weights[1::2, 1] = 0
    halves = {
        key: [one for one in values[key] if one[of] in some]
        for key, of in (("images", "id"), ("annotations", "image_id"))
    }
    half = figures(
        columns(json.dumps(values | halves).encode(), [one for one in detections if one["image_id"] in some])
    )
    found = resampled(kept, weights)
    assert found.keys() == {f"{kind}_{figure}" for kind in ("box", "mask") for figure in ("ap", "ap50", "ap75")}
    for name, values_of in found.items():
        assert values_of == pytest.approx([figures(kept)[name]["value"], half[name]["value"]], abs=1e-9)


SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}


def truth_of(values: dict[str, Any], folder: Path) -> COCOSplit:
    write_annotations(folder, "val", values)
    categories = values["categories"]
    ids, names = (tuple(category[key] for category in categories) for key in ("id", "name"))
    instances = read_instances(folder / ANNOTATIONS["val"])
    return COCOSplit(instances.path, table_of(instances, folder), names, ids)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_the_truth_scores_100_and_sizes_without_an_annotation_are_left_out(seed):
    """Whatever the ids are, 0 among them, and whatever kinds of masks there are."""
    values = random_coco(seed)["val"]
    areas = [note["area"] for note in values["annotations"] if not note.get("iscrowd")]
    sizes = [size for size, (low, high) in SIZES.items() if any(low <= area <= high for area in areas)]
    figures = ["ap", "ap50", "ap75", *(f"ap_{size}" for size in sizes)]
    with tempfile.TemporaryDirectory() as folder:
        split = truth_of(values, Path(folder))
        for detections, expected in ((truth_as_detections(values, np.random.default_rng(seed)), 100), ([], 0)):
            found = average_precision(split.annotations.read_bytes(), detections)
            assert found.keys() == {f"{kind}_{figure}" for kind in ("box", "mask") for figure in figures}
            assert all(metric["value"] == pytest.approx(expected) for metric in found.values())
            assert {metric["n"] for metric in found.values()} == {len(values["images"])}


def test_a_single_annotation_with_the_id_0(tmp_path):
    values = random_coco(0)["val"]
    values["annotations"] = [values["annotations"][0] | {"id": 0, "area": 500.0}]
    found = average_precision(
        truth_of(values, tmp_path).annotations.read_bytes(), truth_as_detections(values, np.random.default_rng(0))
    )
    assert found["box_ap"]["value"] == found["mask_ap"]["value"] == pytest.approx(100)
    assert {name for name in found if name.startswith("mask_")} == {
        "mask_ap",
        "mask_ap50",
        "mask_ap75",
        "mask_ap_small",
    }
