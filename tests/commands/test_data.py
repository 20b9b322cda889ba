"""What a profile needs, what of it is there, and where the rest comes from."""

import re
from pathlib import Path

import pytest
import yaml

import run_all
from data import manifest
from data.manifest import PublishedFile, Release, read_manifest, release_of
from profiles.load import load_profile
from profiles.registry import DATA_SETS
from tests.support import REPOSITORY

MANIFESTS = sorted({spec.manifest for spec in DATA_SETS} | {"pretrain/releases.yaml"})
DIGEST = {"sure": "library", "stated_by": "torchvision"}


@pytest.mark.parametrize("path", MANIFESTS)
def test_every_fact_has_its_source(path):
    for release in read_manifest(path):
        for file in release.files:
            assert file.addresses or release.sign_up, file.name
            assert all(place.said_by.strip() for place in file.addresses)


def test_every_data_set_has_a_manifest_and_no_manifest_is_forgotten():
    written = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "data/sets").glob("*/manifest*.yaml")}
    assert written | {"pretrain/releases.yaml"} == set(MANIFESTS)


def test_every_released_checkpoint_is_in_the_manifest():
    known = {file.name for release in read_manifest("pretrain/releases.yaml") for file in release.each}
    assert {Path(method.file).name for method in load_profile("released").released.values()} <= known


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bytes": 1}, "sure and stated_by say who states"),
        (DIGEST, "sure and stated_by say who states"),
        ({"bytes": 0, **DIGEST}, "greater than 0"),
        ({"md5": "abc", **DIGEST}, "md5"),
        ({"sha256": "A" * 64, **DIGEST}, "sha256"),
        ({"name": "../x"}, "name"),
        ({"addresses": [{"url": "ftp://x/y", "said_by": "z"}]}, "url"),
        ({"addresses": [{"url": "https://x/y"}]}, "said_by"),
        ({"addresses": [{"url": "https://x/y", "said_by": "z"}] * 2}, "an address appears twice"),
        ({"sise": 3}, "sise"),
    ],
)
def test_a_fact_that_is_none_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        PublishedFile.model_validate({"name": "x.tar", "holds": "images", **wrong})


def test_a_name_may_stand_for_many_files():
    file = PublishedFile.model_validate(
        {"name": "a_{08..10}.tar", "holds": "x", "addresses": [{"url": "https://x/a_{08..10}.tar", "said_by": "y"}]}
    )
    assert [(it.name, it.addresses[0].url[-7:]) for it in file.each()] == [
        (f"a_{number}.tar", f"/a_{number}.tar"[-7:]) for number in ("08", "09", "10")
    ]


def test_releases_of_one_structure_are_told_by_their_classes():
    sets = load_profile("paper").data.webvision
    path = next(spec.manifest for spec in DATA_SETS if spec.key == "webvision")
    titles = {name: release_of(path, section).title for name, section in sets.items()}
    assert titles["webvision-v05"] == titles["webvision-v1"] == "WebVision V1.0"
    assert titles["webvision-v2"] == "WebVision V2.0"
    assert release_of(path, sets["webvision-v1"].model_copy(update={"classes": 7})) is None


def listed(*arguments: str, capsys) -> tuple[int, dict[str, list[str]], str]:
    """The exit status, the rows by what needs them, and all that was printed."""
    status = run_all.main(["data", "list", *arguments])
    printed = capsys.readouterr().out
    rows = [re.split(r" {2,}", line.strip()) for line in printed.splitlines() if re.match(r"(data|methods)\.", line)]
    return status, {row[0]: row[1:] for row in rows}, printed


def test_what_is_missing_is_listed_with_all_that_is_known_of_it(tmp_path, capsys):
    status, rows, printed = listed("--profile", "paper", "--set", f"data.root={tmp_path}", capsys=capsys)
    assert status == 1 and len(rows) == 9 and {row[1] for row in rows.values()} == {"missing"}
    assert rows["data.coco.folder"] == [str(tmp_path / "coco"), "missing", "COCO 2017", "20.4 GB"]
    assert (
        rows["data.imagenet"][-2:] == ["at least 154.6 GB", "first"] and rows["data.places205.folder"][-2] == "unknown"
    )
    assert "register at https://image-net.org/download-images" in printed
    assert "815,585,330 bytes, MD5 442b8da7639aecaf257c1dceb8ba8c80" in printed
    assert "(last known alive on 2024-02-07; the log of a download)" in printed
    assert "size unknown, digest unknown" in printed and "9 of 9 are missing." in printed


def test_what_is_there_needs_no_address(tmp_path, capsys):
    (tmp_path / "mscoco/annotations").mkdir(parents=True)
    (tmp_path / "mscoco/annotations/instances_val2017.json").touch()
    status, rows, printed = listed("--profile", "paper", "--set", f"data.root={tmp_path}", capsys=capsys)
    assert status == 1 and rows["data.coco.folder"] == [str(tmp_path / "mscoco"), "there", "COCO 2017"]
    assert "train2017.zip" not in printed and "8 of 9 are missing." in printed


def test_checkpoints_are_listed_by_their_files(tmp_path, capsys):
    there = tmp_path / "resnet50-0676ba61.pth"
    there.touch()
    options = ["--set", f"methods.imagenet-supervised.file={there}", "--set", "methods.byol.file=/x/mine.pth"]
    _, rows, printed = listed("--profile", "released", *options, capsys=capsys)
    assert rows["methods.imagenet-supervised.file"][1:] == ["there", "torchvision's ResNet-50"]
    assert rows["methods.byol.file"][1:] == ["missing", "not published by this name"]
    assert "MoPro_V2_epoch90.tar: MoPro on WebVision V2.0" in printed and "0676ba61b6795bbe" not in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected list behind it"),
        (["fetsh"], "expected list behind it"),
        (["list", "--profile", "mini"], "The profile mini makes its data"),
        (["list", "--profile", "papr"], "There is no profile"),
    ],
)
def test_a_mistake_is_a_sentence(arguments, said, capsys):
    assert run_all.main(["data", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_data_set_of_ones_own_is_not_published(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(manifest, "REPOSITORY", tmp_path)
    release = Release.model_validate(
        {"title": "x", "classes": 5, "terms": "none", "files": [{"name": "y", "holds": "z"}]}
    )
    (tmp_path / "m.yaml").write_text(yaml.safe_dump([release.model_dump(mode="json", exclude_none=True)]))
    assert release_of("m.yaml", None) is None
