"""What a split of COCO must satisfy: asked by verification and by detection; the truth of what passes scores 100."""

import copy
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import InputError
from data.sets.coco.masks import run_lengths
from data.sets.coco.reader import ANNOTATIONS, IMAGES, read_coco
from data.sets.coco.verification import coco_split
from data.verification.inspection import DataSet
from data.verification.report import Verifier
from tests.support.coco_world import write_annotations, write_coco

# What COCO's own files hold: polygons, several of them, that touch the border; a crowd in uncompressed codes; images
# without annotations; in train, a box without height of area 0.
SIZE = {"width": 64, "height": 48}
IMAGE = {"license": 3, "date_captured": "2013-11-14 11:18:45", "flickr_url": "", "coco_url": "", **SIZE}
CATEGORIES = [{"supercategory": "person", "id": 1, "name": "person"}, {"supercategory": "pet", "id": 18, "name": "dog"}]
POLYGON = {
    "id": 0,
    "image_id": 9,
    "category_id": 18,
    "segmentation": [[0.0, 10.5, 30.25, 10.5, 30.25, 47.9, 0.0, 47.9], [40, 10, 50, 10, 50, 20]],
    "area": 1181.35,
    "bbox": [-0.4, 10.5, 50.4, 37.9],
    "iscrowd": 0,
}
CROWD = {
    "id": 900100000009,
    "image_id": 9,
    "category_id": 1,
    "segmentation": {"size": [48, 64], "counts": [480, 96, 48, 48, 2400]},
    "area": 144,
    "bbox": [10, 0, 5, 48],
    "iscrowd": 1,
}
PERSON = {
    "id": 918,
    "image_id": 0,
    "category_id": 1,
    "segmentation": [[1, 1, 20.5, 1, 20.5, 40, 1, 40]],
    "area": 760.5,
    "bbox": [1, 1, 19.5, 39],
    "iscrowd": 0,
}
FLAT = PERSON | {
    "id": 919,
    "segmentation": [[9.98, 18.56, 15.52, 18.56, 15.52, 18.56, 11.09, 18.56]],
    "area": 0.0,
    "bbox": [9.98, 18.56, 5.54, 0.0],
}
SPECK = PERSON | {
    "id": 920,
    "segmentation": [[5.2, 5.2, 5.4, 5.2, 5.4, 5.4]],
    "area": 0.02,
    "bbox": [5.2, 5.2, 0.2, 0.2],
}


def whole() -> dict[str, dict[str, Any]]:
    images = [IMAGE | {"id": number, "file_name": f"{number:012d}.jpg"} for number in (9, 0, 25)]
    values = {"info": {}, "licenses": [], "images": images, "categories": CATEGORIES}
    annotations = [POLYGON, CROWD, PERSON, SPECK]
    return copy.deepcopy(
        {"train": values | {"annotations": [*annotations, FLAT]}, "val": values | {"annotations": annotations}}
    )


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    write_coco(tmp_path / "coco", whole())
    return tmp_path / "coco"


def verified(coco: Path, classes: int = 2, expected: int | None = None) -> list[str]:
    data_set = DataSet("coco", tuple(coco_split(coco, split, classes, expected) for split in ANNOTATIONS))
    return Verifier(coco.parent / "verification", None, 1, lambda *_: None).verify(data_set)["faults"]


def refused(coco: Path, classes: int = 2) -> str:
    with pytest.raises(InputError) as error:
        read_coco(coco, classes)
    assert "\n" not in error.value.sentence
    return error.value.sentence


def annotation(number: int, **changes: Any):
    """Change one annotation; a value of None goes."""

    def change(values: dict[str, Any]) -> None:
        note = values["annotations"][number]
        note |= changes
        for key in [key for key, value in changes.items() if value is None]:
            del note[key]

    return change


def image(number: int, **changes: Any):
    return lambda values: values["images"][number].update(changes)


def each_annotation(**changes: Any):
    return lambda values: [note.update(copy.deepcopy(changes)) for note in values["annotations"]]


def test_what_coco_itself_holds_passes(coco):
    splits = read_coco(coco, 2)
    assert splits["val"].images == 3 and splits["train"].category_ids == (1, 18)
    assert verified(coco) == []


WRONG_ANNOTATIONS = [
    (annotation(2, id=0), r"1 annotations whose id another one has \(id 0: 0\)"),
    (annotation(2, id=CROWD["id"]), r"whose id another one has \(id 900100000009"),
    (annotation(2, id="7"), r"annotations whose id is no integer from 0 to 9,007,199,254,740,991 \(entry 2: '7'\)"),
    (annotation(2, id=None), r"annotations whose id is no integer from 0 to 9,007,199,254,740,991 \(entry 2: None\)"),
    (annotation(2, image_id=77), r"annotations with an image_id which is none of its images \(id 918: 77\)"),
    (annotation(2, image_id=[9]), r"annotations with an image_id which is none of its images \(id 918: \[9\]\)"),
    (annotation(2, category_id=2), r"annotations with a category_id which is none of its categories \(id 918: 2\)"),
    (annotation(2, category_id=None), r"annotations with a category_id which is none of its categories"),
    (annotation(2, iscrowd="0"), r"whose iscrowd is neither 0 nor 1 \(id 918: '0'\)"),
    (annotation(2, area=None), r"whose area is not a finite number from 0 on \(id 918: None\)"),
    (annotation(2, area=math.nan), r"whose area is not a finite number from 0 on \(id 918: nan\)"),
    (annotation(2, area=-1.5), r"whose area is not a finite number from 0 on \(id 918: -1\.5\)"),
    (annotation(2, area=1e11), r"whose area is larger than its image"),
    (annotation(2, bbox=None), r"whose bbox is not four finite numbers .*\(id 918: None\)"),
    (annotation(2, bbox=[1, 1, 5]), r"whose bbox is not four finite numbers .*\(id 918: \[1, 1, 5\]\)"),
    (annotation(2, bbox=[9, 9, -5, 5]), r"whose bbox is not four finite numbers with .* not negative"),
    (annotation(2, bbox=[1, 1, math.inf, 5]), r"whose bbox is not four finite numbers"),
    (annotation(2, bbox=[1, 1, "5", 5]), r"whose bbox is not four finite numbers"),
    (annotation(2, bbox=[1, 1, True, 5]), r"whose bbox is not four finite numbers"),
    (
        annotation(2, bbox=[60, 1, 6, 5]),
        r"whose bbox is not inside its image \(id 918: \{'bbox': \[60, 1, 6, 5\], 'height': 48, 'width': 64\}",
    ),
    (annotation(2, bbox=[-3, 1, 6, 5]), r"whose bbox is not inside its image"),
    (
        annotation(2, segmentation=[]),
        r"whose segmentation is neither polygons .*\(id 918: \{'image': \[48, 64\], 'segmentation': \[\]\}\)",
    ),
    (annotation(2, segmentation=None), r"whose segmentation is neither polygons .*'segmentation': None\}\)"),
    (annotation(2, segmentation=[[1, 1, 9]]), r"whose segmentation is neither polygons of three points or more"),
    (annotation(2, segmentation=[[1, 1, 9, 9]]), r"whose segmentation is neither polygons of three points or more"),
    (annotation(2, segmentation=[[1, 1, 9, 1, 9, 9, 1]]), r"whose segmentation is neither polygons of three points"),
    (annotation(2, segmentation=[1, 1, 9, 1, 9, 9]), r"whose segmentation is neither polygons of three points"),
    (annotation(2, segmentation=[[1, 1, 9, 1, 9, math.nan]]), r"whose segmentation is neither polygons"),
    (annotation(2, segmentation=[[1, 1, 90, 1, 90, 9]]), r"whose polygons are not inside their image"),
    (annotation(2, segmentation=[[1, 1, 9, 9, 1, 1]]), r"whose segmentation holds no pixel"),
    (
        annotation(1, segmentation={"size": [64, 48], "counts": [480, 96, 2496]}),
        r"run-length codes of its image's height and width",
    ),
    (
        annotation(1, segmentation={"size": [48, 64], "counts": [480, 96]}),
        r"run-length codes of its image's height and width",
    ),
    (
        annotation(1, segmentation={"size": [48, 64], "counts": "zz"}),
        r"run-length codes of its image's height and width",
    ),
    (
        annotation(1, segmentation={"size": [48, 64], "counts": [-1, 3073]}),
        r"run-length codes of its image's height and width",
    ),
    (annotation(1, segmentation={"size": [48, 64]}), r"run-length codes of its image's height and width"),
    (annotation(2, segmentation={"size": [48, 64], "counts": [3072]}), r"whose segmentation holds no pixel"),
    (annotation(2, segmentation={"size": [48, 64], "counts": [3072]}, area=0), r"whose segmentation holds no pixel"),
    (annotation(2, segmentation={"size": [48, 64], "counts": [0, 0, 9, 100, 2963]}), r"runs of no pixel"),
    (each_annotation(iscrowd=1), r"no annotation to (train|evaluate).*\(\d crowds\)"),
    (lambda values: values["annotations"].clear(), r"no annotation to (train on|evaluate with) \(it has none at all\)"),
    (lambda values: values.update(annotations=values["annotations"][3:4]), r"no annotation to (train|evaluate)"),
]
WRONG_IMAGES = [
    (image(1, **{"id": 9}), r"1 images whose id another one has \(id 9: 9\)"),
    (image(1, id=1.5), r"images whose id is no integer from 0 to 9,007,199,254,740,991 \(entry 1: 1\.5\)"),
    (image(1, height="48"), r"images whose height is no integer from 1 to 65,535 \(id 0: '48'\)"),
    (image(1, width=64.0), r"images whose width is no integer from 1 to 65,535 \(id 0: 64\.0\)"),
    (image(1, width=0), r"images whose width is no integer from 1 to 65,535"),
    (image(1, width=10**400), r"images whose width is no integer from 1 to 65,535"),
    (lambda values: values["images"][1].pop("width"), r"images whose width is no integer .*\(id 0: None\)"),
    (image(1, width=48, height=64), r"gives 1 images another width .*\(000000000000\.jpg: 64 x 48, not 48 x 64\)"),
    (image(2, width=63), r"gives 1 images another width and height .*\(000000000025\.jpg: 64 x 48, not 63 x 48\)"),
    (image(2, file_name="000000000009.jpg"), r"images whose file_name another one has \(id 25: '000000000009\.jpg'\)"),
    (image(2, file_name="nowhere.jpg"), r"names the image .*nowhere\.jpg, which does not exist \(1 are missing\)"),
    (image(2, file_name=None), r"images whose file_name cannot be the name of a file \(id 25: None\)"),
    (image(2, file_name=""), r"images whose file_name cannot be the name of a file"),
    (image(2, file_name="\0"), r"images whose file_name cannot be the name of a file"),
]
WRONG_FILES = [
    (lambda values: values["categories"].pop(), r"has 1 categories, expected 2"),
    (lambda values: values["categories"][0].update(id=18), r"categories whose id another one has \(id 18: 18\)"),
    (lambda values: values["categories"][0].update(name="dog"), r"categories whose name another one has .*'dog'"),
    (lambda values: values["categories"][0].update(name=7), r"categories whose name is no text \(id 1: 7\)"),
    (lambda values: values.update(images=3), r"is not COCO's JSON of instances \(it has no list .* named 'images'\)"),
    (lambda values: values.pop("annotations"), r"is not COCO's JSON of instances .* named 'annotations'\)"),
    (lambda values: values["annotations"].append(7), r"is not COCO's JSON of instances .* named 'annotations'\)"),
]


@pytest.mark.parametrize("split", list(ANNOTATIONS))
@pytest.mark.parametrize(("change", "said"), [*WRONG_ANNOTATIONS, *WRONG_IMAGES, *WRONG_FILES])
def test_what_is_refused_by_verification_and_before_training(coco, change, said, split):
    values = whole()[split]
    change(values)
    write_annotations(coco, split, values)
    path = str(coco / ANNOTATIONS[split])
    assert re.search(said, refused(coco)) and path in refused(coco)
    assert any(re.search(said, fault) and path in fault for fault in verified(coco))


def test_only_training_needs_large_images_and_only_evaluation_boxes_with_an_extent(coco):
    small = whole()["train"]
    for note in small["images"]:
        note |= {"width": 64, "height": 31}
        Image.new("RGB", (64, 31)).save(coco / IMAGES["train"] / note["file_name"])
    box = {"bbox": [1, 1, 20, 20], "segmentation": [[1, 1, 21, 1, 21, 21, 1, 21]], "area": 400}
    small["annotations"] = [PERSON | box]
    write_annotations(coco, "train", small)
    assert "no annotation to train on (1 in images with a side under 32 pixels, which training" in refused(coco)
    write_coco(coco, whole() | {"val": small})
    assert read_coco(coco, 2)["val"].images == 3
    flat = whole()["val"]
    flat["annotations"][3] |= {"segmentation": FLAT["segmentation"]}
    write_coco(coco, whole() | {"val": flat})
    assert "whose segmentation holds no pixel (id 920: [" in refused(coco)
    write_annotations(coco, "val", whole()["train"])
    assert "whose bbox has no width or no height, so that no detection can match it (id 919:" in refused(coco)


def test_all_faults_are_named_at_once_and_the_first_few_of_each_kind(coco):
    train, val = whole()["train"], whole()["val"]
    each_annotation(area="large")(train)
    val["images"][0]["height"] = None
    write_annotations(coco, "train", train)
    write_annotations(coco, "val", val)
    (coco / IMAGES["val"] / "000000000025.jpg").unlink()
    said = refused(coco)
    assert (
        "5 annotations whose area is not a finite number from 0 on (id 0: 'large'; id 900100000009: 'large'; " in said
    )
    assert "id 918: 'large'; ...): correct them" in said
    assert "val2017.json has 1 images whose height is no integer" in said and "25.jpg, which does not exist" in said


def test_a_header_without_a_size_is_named(coco):
    (coco / IMAGES["val"] / "000000000025.jpg").write_bytes(b"no image")
    assert "000000000025.jpg (named in" in refused(coco) and "cannot be decoded" in refused(coco)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "is not COCO's JSON"), (b"\xff\xfe{", "is not COCO's JSON"), (b"[" * 10**5, "is not COCO's JSON")],
)
def test_what_is_no_json(coco, content, said):
    (coco / ANNOTATIONS["val"]).write_bytes(content)
    assert said in refused(coco) and any(said in fault for fault in verified(coco))


def test_files_and_folders_that_are_not_there(coco):
    (coco / ANNOTATIONS["val"]).rename(coco / "elsewhere")
    assert "has no annotations/instances_val2017.json: restore it" in refused(coco)
    (coco / ANNOTATIONS["val"]).mkdir()
    assert "instances_val2017.json cannot be read (Is a directory)" in refused(coco)
    (coco / IMAGES["train"]).rename(coco / "images")
    assert f"folder {coco / IMAGES['train']} does not exist" in refused(coco)


def test_images_in_folders_below(coco):
    values = whole()["val"]
    values["images"][0]["file_name"] = "below/a.jpg"
    write_annotations(coco, "val", values)
    (coco / IMAGES["val"] / "below").mkdir()
    Image.new("RGB", (64, 48)).save(coco / IMAGES["val"] / "below/a.jpg")
    assert read_coco(coco, 2)["val"].images == 3


def test_verification_also_counts_images_and_names_categories_without_an_annotation(coco):
    values = whole()["val"]
    values["annotations"] = [note for note in values["annotations"] if note["category_id"] == 1]
    write_annotations(coco, "val", values)
    said = verified(coco, expected=4)
    assert any("has no image of 1 of 2 classes" in fault for fault in said)
    assert any("coco val: found 3 images, expected 4" in fault for fault in said)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40))
def test_compressed_codes_are_read_as_pycocotools_writes_them(seed, width, height):
    from pycocotools import mask

    rng = np.random.default_rng(seed)
    pixels = (rng.random((height, width)) < rng.random()).astype(np.uint8)
    counts = mask.encode(np.asfortranarray(pixels))["counts"].decode()
    flat = pixels.ravel(order="F")
    expected = np.diff([0, *np.flatnonzero(np.diff(flat)) + 1, flat.size]).tolist()
    found = run_lengths({"size": [height, width], "counts": counts}, width, height)
    assert found == ([0, *expected] if flat[0] else expected)
    assert run_lengths({"size": [height, width], "counts": counts[:-1]}, width, height) is None
