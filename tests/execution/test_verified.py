"""A record names the digest over all images where the data had been verified before, and only of the same images."""

import json
import shutil
from pathlib import Path

import pytest

from data.sets.webvision.reader import read_train
from execution.verified import with_full_digests
from run_all import main
from tests.data.test_verification import options


@pytest.fixture
def runs(miniature, tmp_path) -> Path:
    """A folder of runs in which the miniature was verified, and another data set that was verified in part."""
    arguments = ["verify", "--full", *options(miniature), "--runs", str(tmp_path), "--jobs", "1"]
    assert main(arguments) == 0
    return tmp_path / "mini"


def test_fingerprints_get_the_digest_of_their_images(miniature, runs, tmp_path):
    images = read_train(miniature / "webvision", 10)
    report = json.loads((runs / "verification/full/webvision.json").read_text())
    full = report["splits"]["train"]["full_sha256"]
    fingerprint = images.fingerprint() | {"present_classes": 8}
    said = {"webvision": fingerprint, "coco": {"train": images.fingerprint()}, "list": {"sha256": "ab"}, "note": "a"}
    found = with_full_digests(said, runs)
    assert found == said | {
        "webvision": fingerprint | {"full_sha256": full},
        "coco": {"train": images.fingerprint() | {"full_sha256": full}},
    }
    copy = shutil.copytree(miniature / "webvision", tmp_path / "copy")
    (image := copy / images.paths[0].decode()).write_bytes(image.read_bytes() + b"\0")
    other = {"webvision": read_train(copy, 10).fingerprint()}
    assert with_full_digests(other, runs) == other


@pytest.mark.parametrize("content", ["", "[]", '{"splits": 3}', '{"splits": {"train": {"full_sha256": "ab"}}}'])
def test_a_damaged_report_costs_no_record(content, runs, capsys):
    for path in (runs / "verification/full").glob("*.json"):
        path.write_text(content)
    said = {"webvision": {"images": 3, "classes": 2, "sha256": "ab"}}
    assert with_full_digests(said, runs) == said
    assert "warning: " in capsys.readouterr().out


def test_without_a_verification_nothing_is_added(tmp_path):
    said = {"webvision": {"images": 3, "classes": 2, "sha256": "ab"}}
    assert with_full_digests(said, tmp_path) == said
