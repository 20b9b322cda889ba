"""Broken training images that a full check has found are left out, by the word ``verified``, and no others."""

import argparse
import json
import shutil
from pathlib import Path

import pytest

from commands.arguments import CommandParser
from commands.selection import Selection, selection_of
from core.errors import InputError
from core.files import sha256_of
from data.sets.webvision.reader import read_train
from profiles.exclusions import with_lists
from profiles.load import load_profile
from run_all import main
from tests.data.test_verification import options
from tests.support.commands import REDUCED

TRAINING = [
    part
    for key, value in REDUCED.items()
    if key.startswith(("pretrain.", "methods.", "seeds"))
    for part in ("--set", f"{key}={value}")
]
EXCLUSIONS = "webvision__webvision__exclusions"
PRETRAINING = "pretrain/ce/webvision/seed0"


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of the miniature in which two training images are broken: no image, and not there."""
    world = shutil.copytree(miniature, tmp_path / "world")
    images = read_train(world / "webvision", 10)
    (images.root / images.paths[3].decode()).write_text("<html>404</html>")
    (images.root / images.paths[150].decode()).unlink()
    return world


def arguments(world: Path, exclusions: object = "verified") -> list[str]:
    return [*options(world, **{EXCLUSIONS: exclusions}), *TRAINING, "--runs", str(world.parent / "runs")]


def verified(world: Path, *how: str) -> Path:
    """Where the check has left its findings."""
    main(["verify", *how, *arguments(world), "--jobs", "1"])
    return world.parent / "runs/mini/verification"


def selected(world: Path, exclusions: object) -> Selection:
    given: argparse.Namespace = CommandParser("", None).parse_args(arguments(world, exclusions))
    return selection_of(given)


def identity(world: Path, exclusions: object) -> str:
    return next(job.identity for job in selected(world, exclusions).planned if job.name == PRETRAINING)


def refused(world: Path, capsys, exclusions: object = "verified") -> str:
    """The one sentence; no job was begun."""
    capsys.readouterr()
    assert main([*arguments(world, exclusions), "--only", "pretrain"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not (world.parent / "runs/mini/plan.json").exists()
    return line


def test_a_training_runs_without_what_the_check_has_found(world, capsys):
    folder = verified(world, "--full")
    assert "leave them out with data.webvision.<set>.exclusions=verified" in capsys.readouterr().out
    command = [*arguments(world), "--only", "pretrain", "--methods", "ce"]
    assert main([*command, "--dry-run"]) == 0
    said = "data.webvision.webvision.exclusions: 2 of 200 images are left out, those that verify --full found broken"
    assert said in capsys.readouterr().out
    assert main(command) == 0
    record = json.loads(next((world.parent / "runs").rglob("record.json")).read_text())
    listed = folder / "full/webvision.broken.txt"
    assert record["provenance"]["exclusions"] == {"sha256": sha256_of(listed), "images": 2}
    assert record["provenance"]["verification"]["full/webvision"] == sha256_of(folder / "full/webvision.json")
    assert record["data"]["webvision"]["images"] == 198
    assert main(command) == 0 and "1 of them done" in capsys.readouterr().out


def test_jobs_are_identified_by_the_content_of_the_list(world, tmp_path):
    folder = verified(world, "--full")
    copy = shutil.copy(folder / "full/webvision.broken.txt", tmp_path / "mine.txt")
    of_list = identity(world, "verified")
    assert identity(world, copy) == of_list
    Path(copy).write_bytes(Path(copy).read_bytes().splitlines(keepends=True)[0])
    assert len({of_list, identity(world, copy), identity(world, "null")}) == 3
    for kind in ("pretrain", "cleaning"):
        (job,) = (it for it in selected(world, "verified").planned if it.name == f"{kind}/mopro/webvision/seed0")
        assert "exclusions" not in job.config and job.options["exclusions"] == str(folder / "full/webvision.broken.txt")


def test_where_nothing_is_broken_nothing_is_left_out(miniature, tmp_path, capsys):
    world = shutil.copytree(miniature, tmp_path / "world")
    assert main(["verify", "--full", *arguments(world), "--jobs", "1"]) == 0
    assert identity(world, "verified") == identity(world, "null")
    assert selected(world, "verified").left_out["webvision"].said.startswith("none of 200 images is left out")


def test_a_sample_is_no_full_check(world, capsys):
    assert "nobody has looked at every image" in refused(world, capsys)
    verified(world, "--sample", "200")
    assert "run run_all.py verify --full, with the same options" in refused(world, capsys)


def test_images_that_have_changed_since_are_refused(world, capsys):
    verified(world, "--full")
    images = read_train(world / "webvision", 10)
    path = images.root / images.paths[7].decode()
    path.write_bytes(path.read_bytes() + b"\0")
    assert main([*arguments(world), "--only", "pretrain", "--dry-run"]) == 2
    sentence = refused(world, capsys)
    assert "have changed since" in sentence and "run run_all.py verify --full again" in sentence
    verified(world, "--full")
    assert main([*arguments(world), "--only", "pretrain", "--dry-run"]) == 0


def test_images_of_another_draw_are_refused(world, capsys):
    verified(world, "--full")
    another = ["--set", "data.webvision.webvision.subset={seed: 1, images: 150}"]
    capsys.readouterr()
    assert main([*arguments(world), *another, "--only", "pretrain", "--dry-run"]) == 2
    assert "or others are drawn" in capsys.readouterr().err


def test_what_the_check_has_left_must_be_whole(world, capsys):
    full = verified(world, "--full") / "full"
    listed, report = full / "webvision.broken.txt", full / "webvision.json"
    content = listed.read_bytes()
    listed.write_bytes(content.splitlines(keepends=True)[0])
    assert "broken.txt is not as it was written" in refused(world, capsys)
    listed.write_bytes(content)
    report.write_text(report.read_text()[:100])
    assert "webvision.json is damaged" in refused(world, capsys)


def test_faults_that_hide_images_have_to_be_seen_to_first(world, capsys):
    (world / "webvision/info/train_filelist_google.txt").unlink()
    (world / "webvision/info/train_filelist_flickr.txt").unlink()
    verified(world, "--full")
    assert "not all images could be looked at: see to the faults in" in refused(world, capsys)


def test_a_list_of_ones_own_is_named_and_counted(world, tmp_path, monkeypatch, capsys):
    """Also one that is called like the word, where its path says that it is a file."""
    monkeypatch.chdir(tmp_path)
    images = read_train(world / "webvision", 10)
    Path("verified").write_bytes(images.paths[3] + b"\n")
    assert main([*arguments(world, "./verified"), "--dry-run"]) == 0
    assert "the 1 images that ./verified names are left out\n" in capsys.readouterr().out
    stated = f"{{file: ./verified, sha256: {'0' * 64}}}"
    assert "restore the list, or correct sha256" in refused(world, capsys, stated)


def test_a_miniature_breaks_no_images():
    given = CommandParser("", None).parse_args(["--set", "data.webvision.webvision.exclusions=verified"])
    with pytest.raises(InputError, match=r"exclusions is verified, but the profile makes its images"):
        selection_of(given)


def test_what_stands_in_place_of_a_list(tmp_path):
    for value, said in (("3", "exclusions"), ("{file: a, sha: b}", "did you mean 'data.webvision.webvision.excl")):
        with pytest.raises(InputError, match=said):
            load_profile("mini", [f"data.webvision.webvision.exclusions={value}"])


def test_a_list_that_does_not_exist_is_named(tmp_path):
    misspelt = load_profile("paper", ["data.webvision.webvision-v1.exclusions=verifed"])
    _, left_out = with_lists(misspelt, tmp_path)
    assert "the list verifed does not exist (`verified` takes" in left_out["webvision-v1"].said
