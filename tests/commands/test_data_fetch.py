"""`run_all.py data fetch`, from the command line to the disk."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

import run_all
from commands import data_needed
from data.fetching.part import Part
from data.manifest import read_manifest
from profiles.registry import DATA_SETS
from tests.data.test_added_data_set import EVALUATION, PROFILE
from tests.support import REPOSITORY
from tests.support.commands import environment
from tests.support.file_server import FileServer, Served
from tests.support.machine import interrupted, quoted, sentence_of, shell, small_disk

CONTENT = bytes(range(256)) * 8192  # two megabytes
HALF = len(CONTENT) // 2
STATED = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "sure": "owner", "stated_by": "its owner's page"}
COMMAND = """
import sys
from dataclasses import replace
from profiles import registry
from tests.support.added_data_set import SPEC
registry.DATA_SETS += (replace(SPEC, manifest=sys.argv.pop(1)),)
from run_all import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def world(tmp_path, server) -> Path:
    """A folder with a profile whose data set is published as one file, on the server."""
    server.files["/x.bin"] = Served(CONTENT, etag='"1"')
    write_manifest(tmp_path, server, **STATED)
    (tmp_path / "added.yaml").write_text(PROFILE % (tmp_path / "images"))
    (tmp_path / "size.py").write_text(EVALUATION)
    return tmp_path


def write_manifest(folder: Path, server: FileServer, sign_up: str = "", **known: object) -> None:
    file = {"name": "x.bin", "holds": "x", "addresses": [{"url": f"{server.url}/x.bin", "said_by": "a test"}], **known}
    release = {"title": "Added", "terms": "none", "sign_up": sign_up, "files": [file]}
    (folder / "manifest.yaml").write_text(yaml.safe_dump([release]))


def line(world: Path, *arguments: str) -> list[str]:
    """The command, with the data set's line in the registry."""
    return [
        *(sys.executable, "-c", COMMAND, str(world / "manifest.yaml"), "data", "fetch"),
        *("--profile", str(world / "added.yaml"), "--to", str(world / "to"), *arguments),
    ]


def run(world: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        line(world, *arguments), capture_output=True, cwd=REPOSITORY, env=environment() | variables, timeout=120
    )


def test_what_a_profile_needs_is_fetched(world, server):
    done = run(world)
    assert (done.returncode, done.stderr) == (0, b"")
    file = world / "to/x.bin"
    assert file.read_bytes() == CONTENT
    assert done.stdout.decode() == f"{file} is there: 2,097,152 bytes, digest as stated by its owner's page.\n"
    server.files.clear()
    assert run(world).stdout == done.stdout and len(server.requests) == 1


def test_what_is_unpacked_needs_no_archive(world, server):
    (world / "images").mkdir()
    done = run(world)
    assert done.returncode == 0 and done.stdout.decode() == f"{world / 'images'} is there.\n"
    assert not server.requests and not (world / "to").exists()


def test_what_cannot_be_had_is_said_and_ends_with_1(world, server):
    server.files.clear()
    done = run(world)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode() == f"x.bin is not there: {server.url}/x.bin answered 404 (Not Found).\n"
    write_manifest(world, server, sign_up="register at https://x/register", **STATED)
    done = run(world)
    assert done.returncode == 1 and b"x.bin is not there: first register at https://x/register; then" in done.stdout


def test_a_digest_that_nobody_states_is_said_to_be_unknown(world, server):
    write_manifest(world, server)
    assert f"digest unknown (found: {STATED['sha256']})." in run(world).stdout.decode()


@pytest.fixture
def half_way(world, server):
    """The server, which sends half and then waits until it is told to go on."""
    served = server.files["/x.bin"]
    served.cuts, served.goes_on = [HALF], threading.Event()
    yield served
    served.goes_on.set()


def has_half(world: Path) -> bool:
    time.sleep(0.02)
    return Part(world / "to/x.bin").size >= HALF


@pytest.mark.parametrize("known", [STATED, {}])
def test_a_killed_command_goes_on_where_it_was(world, server, half_way, known):
    write_manifest(world, server, **known)
    with subprocess.Popen(line(world), cwd=REPOSITORY, env=environment()) as process:
        while not has_half(world):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    half_way.goes_on.set()  # a curl that outlived the command would write on now
    assert run(world).returncode == 0
    assert (world / "to/x.bin").read_bytes() == CONTENT and server.asked("/x.bin") == [None, HALF]


def test_an_interrupted_command_goes_on_where_it_was(world, server, half_way):
    done = interrupted(line(world), lambda: has_half(world))
    assert sentence_of(done, status=130) == "interrupted: what is done stays; give the same command again to go on"
    half_way.goes_on.set()
    assert run(world).returncode == 0
    assert (world / "to/x.bin").read_bytes() == CONTENT and server.asked("/x.bin") == [None, HALF]


def test_a_signal_to_the_command_alone_ends_its_downloads(world, server, half_way):
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also where these tests run in the background
    with subprocess.Popen(line(world), cwd=REPOSITORY, env=environment(), preexec_fn=listening) as process:
        while not has_half(world):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130  # the server still waits


def test_a_full_disk_is_one_sentence_and_the_part_stays(world, server):
    (world / "to").mkdir()
    kept = world / "kept"
    done = shell(
        small_disk(world / "to", 1024),
        f"{{ {quoted(*line(world))}; ended=$?; cp {quoted(world / 'to/x.bin.part', kept)}; exit $ended; }}",
    )
    sentence = sentence_of(done)
    assert f"{world / 'to/x.bin.part'} cannot be used (No space left on device)" in sentence
    assert 0 < kept.stat().st_size < len(CONTENT) and CONTENT.startswith(kept.read_bytes())


def test_what_was_carried_needs_no_address(world, server):
    (world / "carried").mkdir()
    (world / "carried/x.bin").write_bytes(CONTENT)
    assert run(world, "--from", str(world / "carried"), PATH="").returncode == 0
    assert (world / "to/x.bin").read_bytes() == CONTENT and not server.requests
    assert "names" in sentence_of(run(world, "--from", str(world / "gone")))


def test_the_printed_script_is_for_a_machine_with_curl_alone(world, server):
    printed = run(world, "--print", PATH="")
    assert printed.returncode == 0 and not (world / "to").exists()
    (world / "online").mkdir()
    subprocess.run(["sh"], input=printed.stdout, cwd=world / "online", check=True, capture_output=True)
    assert (world / "online/x.bin").read_bytes() == CONTENT


def test_without_curl_it_is_said_how_to_do(world):
    assert "There is no curl on this machine" in sentence_of(run(world, PATH=""))


def test_checkpoints_and_lists_come_to_where_the_profile_expects_them(tmp_path, server, monkeypatch, capsys):
    server.files = {"/list": Served(b"n01440764_10026.JPEG\n"), "/pth": Served(b"PK\3\4 tensors")}
    files = [
        {"name": name, "holds": "x", "addresses": [{"url": f"{server.url}/{path}", "said_by": "a test"}]}
        for name, path in (("1percent.txt", "list"), ("resnet50-0676ba61.pth", "pth"))
    ]
    (tmp_path / "releases.yaml").write_text(yaml.safe_dump([{"title": "x", "terms": "none", "files": files}]))
    monkeypatch.setattr(data_needed, "RELEASES", str(tmp_path / "releases.yaml"))
    options = [
        *("--profile", "released", "--set", f"data.root={tmp_path}"),
        *("--set", f"evaluate.finetune.subsets.1pct={{kind: list, file: {tmp_path}/lists/1percent.txt}}"),
        *("--set", f"methods.imagenet-supervised.file={tmp_path}/checkpoints/resnet50-0676ba61.pth"),
    ]
    assert run_all.main(["data", "fetch", "1pct", "resnet50-0676ba61.pth", *options]) == 0
    assert (tmp_path / "lists/1percent.txt").read_bytes() == b"n01440764_10026.JPEG\n"
    assert (tmp_path / "checkpoints/resnet50-0676ba61.pth").read_bytes() == b"PK\3\4 tensors"
    assert json.loads((tmp_path / "lists/fetched.json").read_text())["1percent.txt"]["digest"] == "unknown"
    assert not (tmp_path / "archives").exists()
    capsys.readouterr()
    assert run_all.main(["data", "fetch", "byol", *options]) == 1
    assert "/checkpoints/pretrain_res50x1.pth.tar is not there, and nobody publishes" in capsys.readouterr().out


def printed(*arguments: str, capsys) -> str:
    assert run_all.main(["data", "fetch", "--profile", "paper", "--print", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["voc07"], ["VOCtrainval_06-Nov-2007.tar", "VOCtest_06-Nov-2007.tar"]),
        (["val2017.zip", "imagenet-r"], ["imagenet-r.tar", "val2017.zip"]),
        (["imagenet_a"], ["imagenet-a.tar"]),
        (["info.tar"], ["info.tar", "webvision2.0/info.tar"]),
        (["webvision_train_07.tar"], ["webvision2.0/webvision_train_07.tar"]),
        (["imagenet"], []),
    ],
)
def test_names_choose(tmp_path, names, files, capsys):
    text = printed(*names, "--set", f"data.root={tmp_path}", capsys=capsys)
    assert [row.split()[1] for row in text.splitlines() if row.startswith("fetch ")] == files


def test_archives_lie_below_the_root_unless_it_is_said_otherwise(tmp_path, capsys):
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives/val2017.zip").touch()
    options = ["coco", "--set", f"data.root={tmp_path}"]
    assert "fetch val2017.zip" not in printed(*options, capsys=capsys)
    assert "fetch val2017.zip" in printed(*options, "--to", str(tmp_path / "elsewhere"), capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cocoa", "--profile", "paper"], "nothing that is called 'cocoa'; did you mean 'coco'?"),
        (["--profile", "mini"], "The profile mini makes its data"),
        (["--profile", "paper", "--print", "--from", "/x"], "not allowed with argument"),
        (["--profile", "paper", "--jobs", "0"], "expected a number from 1"),
    ],
)
def test_a_mistake_is_a_sentence(arguments, said, capsys):
    assert run_all.main(["data", "fetch", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_without_a_root_a_folder_must_be_named(world):
    command = line(world)
    del command[command.index("--to") : command.index("--to") + 2]
    done = subprocess.run(command, capture_output=True, cwd=REPOSITORY, env=environment())
    assert "no data.root" in sentence_of(done) and "--to" in sentence_of(done)


def test_no_two_published_files_have_one_place():
    manifests = {spec.manifest for spec in DATA_SETS}
    places = [
        os.path.join(release.folder, file.name)
        for manifest in manifests
        for release in read_manifest(manifest)
        for file in release.each
    ]
    assert len(places) == len(set(places))
