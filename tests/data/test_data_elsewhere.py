"""Data sets that are laid out like WebVision and ImageNet, with other classes; and parts of those."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from data.config import ClassPart
from data.declaration import DataLocation
from data.images import ImageTable
from data.miniature.classes import IMAGENET_CLASSES
from data.miniature.truth import read_hidden_truth
from data.sets.imagenet.reader import read_split, read_synsets
from data.sets.imagenet_variants.reader import read_variant
from data.sets.webvision.reader import read_train, read_validation
from pretrain.methods.mopro.gallery import class_names
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.registry import DATA_SETS
from results.shipped import digest_of


def test_headings_have_the_names_of_ones_own_data_sets():
    """Every name is taken whole: ImageNet-R is none of ImageNet's, and a name of one's own is not replaced again."""
    titles = ["data.titles.imagenet=Clean birds", "data.titles.webvision=Birds of ImageNet"]
    profile, mini = load_profile("mini", titles), load_profile("mini")
    tables, before = ({table.name: table for table in it.tables} for it in (profile, mini))
    assert [column.title for column in tables["accuracy"].columns[:4:2]] == [
        "Birds of ImageNet top-1",
        "Clean birds top-1",
    ]
    assert tables["finetune"].title == "Fine-tuning on a part of Clean birds (accuracy after the last epoch, %)"
    assert [tables[name] for name in ("robustness", "lowshot", "coco")] == [
        before[name] for name in ("robustness", "lowshot", "coco")
    ]
    assert [job.identity for job in jobs_of(profile)] == [job.identity for job in jobs_of(mini)]
    digests = {digest_of(it.model_dump(mode="json"), it.tables) for it in (profile, mini)}
    assert len(digests) == 1
    with pytest.raises(InputError, match="the table accuracy has two columns 'Birds top-1'"):
        load_profile("mini", ["data.titles={imagenet: Birds, webvision: Birds}"])
    with pytest.raises(InputError, match=r"unknown key 'data\.titles\.imagnet'"):
        load_profile("mini", ["data.titles.imagnet=Birds"])


GOOGLE = ["q1/a.jpg 0", "q1/b.jpg 2", "q2/c.jpg 3", "q2/d.jpg 1"]
FLICKR = ["f/e.jpg 3", "f/f.jpg 0"]
VALIDATION = ["v0.jpg 0", "v1.jpg 1", "v2.jpg 2", "v3.jpg 3"]


@pytest.fixture
def webvision(tmp_path) -> Path:
    """Four classes from two sources."""
    (tmp_path / "web/info").mkdir(parents=True)
    lists = {"train_filelist_google": GOOGLE, "train_filelist_flickr": FLICKR, "val_filelist": VALIDATION}
    for name, lines in lists.items():
        (tmp_path / f"web/info/{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "web"


def rows(images: ImageTable) -> list[tuple[str, int]]:
    return [(path.decode(), label) for path, label in zip(images.paths, images.labels.tolist(), strict=True)]


def test_the_first_classes_of_one_source(webvision):
    images = read_train(webvision, 2, ClassPart(of=4), ["google"])
    assert rows(images) == [("q1/a.jpg", 0), ("q2/d.jpg", 1)] and images.classes == 2


def test_chosen_classes_are_numbered_anew(webvision):
    part = ClassPart(of=4, labels=(1, 3))
    assert rows(read_train(webvision, 2, part)) == [("q2/c.jpg", 1), ("q2/d.jpg", 0), ("f/e.jpg", 1)]
    assert rows(read_validation(webvision, 2, part)) == [("v1.jpg", 0), ("v3.jpg", 1)]


def test_the_truth_and_the_names_of_a_part(miniature):
    """What shows a class that is left out shows none of those that are kept."""
    whole, part = read_train(miniature / "webvision", 10), ClassPart(of=10, labels=(2, 5, 9))
    kept = read_train(miniature / "webvision", 3, part)
    every = dict(zip(whole.paths, read_hidden_truth(whole).tolist(), strict=True))
    expected = [(2, 5, 9).index(every[path]) if every[path] in (2, 5, 9) else -1 for path in kept.paths]
    truth = read_hidden_truth(kept)
    assert truth.tolist() == expected and {-1, 0, 1, 2} == set(expected)
    assert class_names(kept, truth) == [IMAGENET_CLASSES[number].name for number in (2, 5, 9)]
    assert class_names(kept, None) == ["class 2", "class 5", "class 9"]


def test_sources_have_any_names(webvision):
    (webvision / "info/train_filelist_google.txt").rename(webvision / "info/train_filelist_bing.txt")
    assert rows(read_train(webvision, 4, sources=["flickr", "bing"]))[:2] == [("f/e.jpg", 3), ("f/f.jpg", 0)]
    with pytest.raises(InputError, match=r"train_filelist_google\.txt cannot be read"):
        read_train(webvision, 4)


def test_a_part_without_an_image(webvision):
    with pytest.raises(InputError, match="has no image of the 1 classes that are kept"):
        read_train(webvision, 1, ClassPart(of=9, labels=(8,)))


def folders(root: Path, names: list[str]) -> Path:
    """Two splits with an image of each class."""
    for name in names:
        for split in ("train", "val"):
            (root / split / name).mkdir(parents=True)
            (root / split / name / f"{name}.jpg").touch()
    return root


def test_a_part_of_imagenet_keeps_its_order(tmp_path):
    images = read_split(folders(tmp_path, ["c", "a", "d", "b"]), "val", 2, ClassPart(of=4, labels=(1, 3)))
    assert rows(images) == [("b/b.jpg", 0), ("d/d.jpg", 1)] and images.classes == 2


def test_a_list_says_which_class_a_folder_is(tmp_path):
    root = folders(tmp_path / "clean", ["apple", "bat", "crane"])
    (root / "classes.txt").write_text("crane a bird\napple\nbat\n")
    assert read_synsets(root, "val", 3) == ["crane", "apple", "bat"]
    assert rows(read_split(root, "train", 3)) == [("crane/crane.jpg", 0), ("apple/apple.jpg", 1), ("bat/bat.jpg", 2)]
    (tmp_path / "drawn/crane").mkdir(parents=True)
    (tmp_path / "drawn/bat").mkdir()
    for name in ("crane", "bat"):
        (tmp_path / f"drawn/{name}/1.jpg").touch()
    images, present = read_variant(tmp_path / "drawn", None, root, 3)
    assert rows(images) == [("bat/1.jpg", 2), ("crane/1.jpg", 0)] and present.tolist() == [0, 2]


def test_a_thousand_classes_need_not_be_imagenets(tmp_path):
    names = [f"thing{number:03}" for number in range(1000)]
    root = folders(tmp_path, names)
    with pytest.raises(InputError, match="named after no synset of ImageNet"):
        read_split(root, "train", 1000)
    (root / "classes.txt").write_text("\n".join(names))
    assert np.array_equal(read_split(root, "train", 1000).labels, np.arange(1000))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("apple\nbat\n", ["names 2 classes, expected 3"]),
        ("apple\nbat\napple\n", ["line 3: apple is on line 1 already"]),
        ("apple\n\nbat\n", ["line 2: found ''", "the name of a class's folder"]),
        ("apple\nbat\ncrow\n", ["crane", "named after no synset of", "classes.txt"]),
    ],
)
def test_a_wrong_list(tmp_path, text, parts):
    root = folders(tmp_path, ["apple", "bat", "crane"])
    (root / "classes.txt").write_text(text)
    with pytest.raises(InputError) as refusal:
        read_split(root, "train", 3)
    assert all(part in refusal.value.sentence for part in parts), refusal.value.sentence


WITHOUT_THE_REST = [
    f"{key}=null"
    for key in (
        *("evaluate.finetune", "evaluate.robustness", "evaluate.detection", "evaluate.lowshot_voc07"),
        *("evaluate.lowshot_places205", "data.voc07", "data.places205", "data.coco", "data.imagenet_r"),
        *("data.imagenet_a", "hard_images", "claims", "miniature"),
    )
]
PART = ["data.webvision.webvision.classes=4", "data.webvision.webvision.part={of: 10, labels: [0, 2, 5, 9]}"]


def test_jobs_are_told_of_the_part():
    jobs = jobs_of(load_profile("mini", [*WITHOUT_THE_REST, *PART, "data.webvision.webvision.sources=[google]"]))
    kinds = ("pretrain", "cleaning", "accuracy-webvision", "accuracy-imagenet", "accuracy-imagenet-retrained")
    for kind in kinds:
        (config,) = [job.config for job in jobs if job.name == f"{kind}/mopro/webvision/seed100"]
        assert config["part"] == {"of": 10, "labels": [0, 2, 5, 9]} and config["classes"] == 4
        assert ("sources" in config) == (kind in ("pretrain", "cleaning"))


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("data.webvision.webvision.part={of: 10, labels: [1, 2]}", ["names 2 classes, but classes is 4"]),
        ("data.webvision.webvision.part={of: 3}", ["keeps class 3, but of 3 classes the last is 2"]),
        ("data.webvision.webvision.sources=[]", ["sources"]),
        (
            "evaluate.robustness={view: {resize: 32, crop: 28}, bin_size: 9}",
            ["keeps some of ImageNet's classes, but evaluate.robustness is of all of them"],
        ),
        ("data.imagenet=null", ["imagenet in evaluate.accuracy.sets needs data.imagenet, found none"]),
    ],
)
def test_what_does_not_fit_is_refused(override, parts):
    with pytest.raises(InputError) as refusal:
        load_profile("mini", [*WITHOUT_THE_REST, *PART, override])
    assert all(part in refusal.value.sentence for part in parts), refusal.value.sentence


def test_what_is_of_all_classes_is_refused_for_a_part():
    with pytest.raises(InputError, match=r"keeps some of ImageNet's classes, but evaluate\.finetune is of all of them"):
        load_profile("mini", [*PART, "evaluate.robustness=null"])


def test_a_part_is_verified_as_a_part(miniature, tmp_path):
    """The whole lists are looked at; of the images, those that are kept."""
    world = shutil.copytree(miniature, tmp_path / "world")
    profile = load_profile("mini", [*WITHOUT_THE_REST, *PART, "data.webvision.webvision.sources=[google]"])
    found = DataLocation(dict(profile.data), dict(profile.data.counts), world, world, 10).data_sets(DATA_SETS)
    (train, validation), _ = (data_set.splits for data_set in found)
    kept = read_train(world / "webvision", 4, ClassPart(of=10, labels=(0, 2, 5, 9)), ["google"])
    inspection = train.inspect()
    assert inspection.faults == [] and inspection.images.fingerprint() == kept.fingerprint()
    assert inspection.count > len(kept) > 0
    assert validation.inspect().images.classes == 4
