"""The whole way: from an empty disk and a server to a profile whose every job has what it needs."""

from pathlib import Path

import pytest
import yaml

import run_all
from data import manifest
from data.manifest import read_manifest
from data.sets.imagenet import synsets
from profiles.load import load_profile
from tests.support import published
from tests.support.file_server import FileServer, Served

SIGNED_UP = ("data/sets/imagenet/manifest.yaml", "data/sets/places205/manifest.yaml")
WITHOUT_ADDRESS = "byol"  # a browser has to be asked


@pytest.fixture
def manifests(tmp_path, server, monkeypatch) -> Path:
    """Those of the repository, with the server in the place of all others, as if a person had signed up."""
    folder = published.write_manifests(tmp_path / "manifests")
    for path in folder.rglob("*.yaml"):
        releases = yaml.safe_load(path.read_text())
        for release in releases:
            if str(path.relative_to(folder)) in SIGNED_UP:
                del release["sign_up"]
            for file in release["files"]:
                at = "/".join(part for part in (server.url, release.get("folder"), file["name"]) if part)
                file["addresses"] = [{"url": at, "said_by": "a test"} for _ in file["addresses"][:1]]
        path.write_text(yaml.safe_dump(releases))
    monkeypatch.setattr(manifest, "REPOSITORY", folder)
    return folder


@pytest.fixture
def world(tmp_path, miniature, manifests, server) -> Path:
    """Everything is on the server, and nothing on the disk."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    published.write_miniatures(downloads, miniature)
    images = [(f"{synset}_1.JPEG", published.tiny_jpeg(synset)) for synset in synsets.imagenet()]
    published.write_imagenet(downloads, images, {name[:9]: image for name, image in images})
    server.files |= {f"/{name}": Served(content) for name, content in published.files_below(downloads)}
    of_checkpoints = [file.name for release in read_manifest("pretrain/releases.yaml") for file in release.each]
    server.files |= {f"/{name}": Served(b"PK\x03\x04" + name.encode()) for name in of_checkpoints}
    return tmp_path


def settings(world: Path) -> list[str]:
    released = load_profile("released").released
    values = {f"methods.{name}.file": world / Path(method.file).name for name, method in released.items()}
    values |= {"data.root": world / "root", f"methods.{WITHOUT_ADDRESS}": "null"}
    del values[f"methods.{WITHOUT_ADDRESS}.file"]
    return ["--profile", "released", *(part for key, value in values.items() for part in ("--set", f"{key}={value}"))]


def test_two_commands_lead_to_a_plan_that_lacks_nothing(world, server: FileServer, capsys):
    own = settings(world)
    assert run_all.main(["data", "list", *own]) == 1
    assert run_all.main([*own, "--dry-run"]) == 0 and "not found below data.root" in capsys.readouterr().out
    assert run_all.main(["data", "fetch", *own]) == 0
    fetched = capsys.readouterr().out
    assert fetched.count(" is there: ") == fetched.count("digest unknown") == len(server.requests)
    assert run_all.main(["data", "prepare", *own, "--jobs", "2"]) == 0
    assert run_all.main(["data", "list", *own]) == 0
    capsys.readouterr()
    assert run_all.main([*own, "--dry-run", "--runs", str(world / "runs")]) == 0
    said = capsys.readouterr()
    assert "not found" not in said.out and not (world / "runs").exists()
    assert run_all.main(["data", "fetch", *own]) == 0 and run_all.main(["data", "prepare", *own]) == 0
    assert len(server.requests) == fetched.count(" is there: ")


def test_what_needs_a_signature_comes_from_a_folder(world, server, manifests, tmp_path, capsys):
    path = manifests / SIGNED_UP[0]
    releases = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump([release | {"sign_up": "ask for it"} for release in releases]))
    own = settings(world)
    assert run_all.main(["data", "fetch", "imagenet", *own]) == 1
    assert not server.requests and "first ask for it" in capsys.readouterr().out
    assert run_all.main(["data", "fetch", "imagenet", *own, "--from", str(tmp_path / "downloads")]) == 0
    assert run_all.main(["data", "prepare", "imagenet", *own, "--jobs", "2"]) == 0
    assert not server.requests and len(list((world / "root/imagenet/train").iterdir())) == 1000
