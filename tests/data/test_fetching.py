"""Published files from servers that serve well or badly: what has a name is right, what is missing has a sentence."""

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.errors import InputError
from core.files import exclusive_lock
from data.fetching import room
from data.fetching.addresses import Addresses
from data.fetching.carried import Carried
from data.fetching.fetching import Outcome, fetch
from data.fetching.records import RECORD_FILE
from data.fetching.script import script_of
from data.fetching.wanted import Source, Wanted
from data.fetching.watch import Watch
from data.manifest import PublishedFile
from tests.support.file_server import Served, proxy_before

CONTENT = bytes(range(256)) * 2048  # half a megabyte
HALF = len(CONTENT) // 2
SHA256 = hashlib.sha256(CONTENT).hexdigest()
STATED = {"sure": "owner", "stated_by": "its owner's page"}
PAGE = b"\n<!DOCTYPE html><html><body>Google Drive can't scan this file for viruses.</body></html>"


def wanted(folder: Path, *urls: str, name: str = "x.bin", sign_up: str = "", **known) -> Wanted:
    """A file with these addresses; ``known`` are its size and digests."""
    file = PublishedFile.model_validate(
        {
            "name": name,
            "holds": "bytes",
            "addresses": [{"url": url, "said_by": "a test"} for url in urls],
            **known,
            **(STATED if known else {}),
        }
    )
    return Wanted(file, name, folder / name, sign_up)


def bring(*files: Wanted, source: Source | None = None, pauses: tuple[float, ...] = (0,)) -> dict[str, Outcome]:
    """What became of files, by their names."""
    outcomes: dict[str, Outcome] = {}
    done = fetch(
        files,
        source or Addresses(pauses),
        Watch(lambda what, done, total: None),
        2,
        lambda it: outcomes.update({it.wanted.name: it}),
    )
    assert done == all(it.fetched for it in outcomes.values()) and len(outcomes) == len(files)
    return outcomes


def why_not(file: Wanted, **options) -> str:
    """Why a file is not there, of which nothing has a name then."""
    (outcome,) = bring(file, **options).values()
    assert outcome.fetched is None and not file.path.exists() and outcome.why_not.count("\n") == 0
    return outcome.why_not


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock", RECORD_FILE}


def recorded(folder: Path) -> dict[str, dict]:
    return json.loads((folder / RECORD_FILE).read_text())


def test_files_come_with_a_record_and_are_not_asked_for_twice(tmp_path, server):
    server.files = {"/x": Served(CONTENT), "/y": Served(b"a list")}
    files = [
        wanted(tmp_path, f"{server.url}/x", bytes=len(CONTENT), sha256=SHA256),
        wanted(tmp_path, f"{server.url}/y", name="y.txt"),
    ]
    bring(*files)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT and (tmp_path / "y.txt").read_bytes() == b"a list"
    assert left_in(tmp_path) == {"x.bin", "y.txt"}
    found = recorded(tmp_path)
    assert (found["x.bin"]["source"], found["x.bin"]["sha256"]) == (f"{server.url}/x", SHA256)
    assert found["x.bin"]["digest"] == "as stated by its owner's page"
    assert (found["y.txt"]["bytes"], found["y.txt"]["digest"]) == (6, "unknown")
    bring(*files)
    assert recorded(tmp_path) == found and len(server.requests) == 2


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {}])
def test_a_cut_connection_goes_on_where_it_was_cut(tmp_path, server, known):
    server.files["/x"] = Served(CONTENT, etag='"1"', cuts=[HALF])
    bring(file := wanted(tmp_path, f"{server.url}/x", **known))
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [None, HALF]


def test_a_server_that_breaks_off_for_good_leaves_a_part_for_the_next_time(tmp_path, server):
    server.files["/x"] = Served(CONTENT, cuts=[HALF, 0])
    file = wanted(tmp_path, f"{server.url}/x", sha256=SHA256)
    assert "gave no whole file" in why_not(file)
    assert (tmp_path / "x.bin.part").read_bytes() == CONTENT[:HALF] and server.asked("/x") == [None, HALF]
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x")[2:] == [HALF] and left_in(tmp_path) == {"x.bin"}


def test_as_long_as_something_comes_a_server_is_not_left(tmp_path, server):
    server.files["/x"] = Served(CONTENT, cuts=[50_000] * 9)
    bring(file := wanted(tmp_path, f"{server.url}/x", sha256=SHA256))
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [None, *range(50_000, 500_000, 50_000)]


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {}])
def test_a_server_without_ranges_doubles_nothing(tmp_path, server, known):
    server.files["/x"] = Served(CONTENT, has_ranges=False, etag='"1"', cuts=[HALF])
    bring(file := wanted(tmp_path, f"{server.url}/x", **known))
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [None, HALF, None]


def test_a_page_in_place_of_the_rest_does_not_cost_what_is_there(tmp_path, server):
    server.files["/x"] = Served(CONTENT, cuts=[HALF, 0])
    file = wanted(tmp_path, f"{server.url}/x", sha256=SHA256)
    why_not(file)
    server.files["/x"] = Served(PAGE, has_ranges=False, kind="text/html; charset=utf-8")
    assert "answered with a web page" in why_not(file)
    assert (tmp_path / "x.bin.part").read_bytes() == CONTENT[:HALF]


def test_another_mirror_goes_on_where_a_digest_judges_the_end(tmp_path, server):
    server.files = {"/x": Served(CONTENT, cuts=[HALF, 0]), "/mirror": Served(CONTENT)}
    bring(file := wanted(tmp_path, f"{server.url}/x", f"{server.url}/mirror", sha256=SHA256))
    assert file.path.read_bytes() == CONTENT and server.asked("/mirror") == [HALF]


def test_without_a_digest_another_mirror_begins_anew(tmp_path, server):
    other = CONTENT[::-1]
    server.files = {"/x": Served(CONTENT, etag='"1"', cuts=[HALF, 0]), "/mirror": Served(other, etag='"1"')}
    bring(file := wanted(tmp_path, f"{server.url}/x", f"{server.url}/mirror"))
    assert file.path.read_bytes() == other and server.asked("/mirror") == [None]


def test_without_a_digest_a_file_that_has_changed_begins_anew(tmp_path, server):
    other = CONTENT[::-1]
    server.files["/x"] = Served(CONTENT, etag='"1"', cuts=[HALF, 0])
    file = wanted(tmp_path, f"{server.url}/x")
    why_not(file)
    server.files["/x"] = Served(other, etag='"2"')
    bring(file)
    assert file.path.read_bytes() == other
    assert [(it.first, it.if_range) for it in server.requests[2:]] == [(HALF, '"1"'), (None, None)]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_without_a_digest_what_cannot_be_known_again_begins_anew(tmp_path, server, etag):
    server.files["/x"] = Served(CONTENT, etag=etag, cuts=[HALF, HALF])
    file = wanted(tmp_path, f"{server.url}/x")
    why_not(file, pauses=())
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [None, None, None]


def test_a_part_that_was_wrong_is_asked_for_once_more(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    file = wanted(tmp_path, f"{server.url}/x", sha256=SHA256)
    (tmp_path / "x.bin.part").write_bytes(bytes(HALF))
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [HALF, None]


@pytest.mark.parametrize(("known", "asked"), [({"bytes": len(CONTENT), "sha256": SHA256}, []), ({}, [len(CONTENT)])])
def test_what_had_come_and_had_no_name_yet_does_not_come_twice(tmp_path, server, known, asked):
    server.files["/x"] = Served(CONTENT, etag='"1"')
    file = wanted(tmp_path, f"{server.url}/x", **known)
    (tmp_path / "x.bin.part").write_bytes(CONTENT)
    (tmp_path / "x.bin.part.json").write_text(json.dumps({"address": f"{server.url}/x", "validator": '"1"'}))
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == asked and left_in(tmp_path) == {"x.bin"}


def test_a_part_that_is_longer_than_the_file_begins_anew(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    file = wanted(tmp_path, f"{server.url}/x", sha256=SHA256)
    (tmp_path / "x.bin.part").write_bytes(CONTENT * 2)
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x") == [2 * len(CONTENT), None]


WRONG = CONTENT[:-1] + b"\0"


@pytest.mark.parametrize(
    ("served", "known", "said"),
    [
        (WRONG, {"sha256": SHA256}, f"SHA-256 is {hashlib.sha256(WRONG).hexdigest()}, expected {SHA256}"),
        (WRONG, {"md5": (md5 := hashlib.md5(CONTENT).hexdigest())}, f"expected {md5}"),
        (WRONG[1:], {"bytes": len(CONTENT), "sha256": SHA256}, "524,287 bytes, expected 524,288"),
        (WRONG[1:], {"bytes": len(CONTENT)}, "524,287 bytes, expected 524,288"),
        (PAGE, {"bytes": len(CONTENT), "sha256": SHA256}, "it is a web page"),
        (b"", {}, "gives an empty file"),
    ],
)
def test_what_is_wrong_is_not_kept_and_the_next_address_is_tried(tmp_path, server, served, known, said):
    server.files = {"/x": Served(served), "/mirror": Served(CONTENT)}
    file = wanted(tmp_path, f"{server.url}/x", **known)
    assert said in why_not(file) and left_in(tmp_path) == set()
    bring(wanted(tmp_path, f"{server.url}/x", f"{server.url}/mirror", **known))
    assert file.path.read_bytes() == CONTENT


def tar_of(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("x")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zip_of(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x", content)
    return packed.getvalue()


KINDS = {
    "x.tar": tar_of(b"images"),
    "MoPro.tar": zip_of(b"tensors"),
    "x.pth.tar": b"\x80\x02}q\x00.",
    "x.pth": zip_of(b"tensors"),
    "x.zip": zip_of(b"images"),
    "x.tar.gz": gzip.compress(tar_of(b"images")),
    "x.txt": b"n01440764_10026.JPEG\n",
}


@pytest.mark.parametrize("name", KINDS)
def test_without_size_and_digest_the_beginning_tells_a_file_from_a_page(tmp_path, server, name):
    server.files = {"/page": Served(PAGE), "/zeros": Served(bytes(2000)), "/x": Served(KINDS[name])}
    addresses = [f"{server.url}/{path}" for path in ("page", "zeros", "x")]
    said = why_not(wanted(tmp_path, *addresses[:2], name=name))
    assert "it is a web page" in said and "it is no " in said and left_in(tmp_path) == set()
    bring(file := wanted(tmp_path, *addresses, name=name))
    assert file.path.read_bytes() == KINDS[name] and recorded(tmp_path)[name]["source"] == addresses[2]


def test_the_next_address_is_asked_where_one_has_nothing(tmp_path, server):
    server.files = {"/forbidden": Served(PAGE, status=403), "/x": Served(CONTENT)}
    bring(file := wanted(tmp_path, f"{server.url}/gone", f"{server.url}/forbidden", f"{server.url}/x"))
    assert file.path.read_bytes() == CONTENT
    assert [request.path for request in server.requests] == ["/gone", "/forbidden", "/x"]


def test_what_every_address_answered_last_is_said(tmp_path, server):
    server.files = {"/a": Served(status=403), "/b": Served(status=503)}
    said = why_not(wanted(tmp_path, *(f"{server.url}/{path}" for path in "abc"), "http://127.0.0.1:1/d", name="x.tar"))
    for part in ("/a answered 403 (Forbidden)", "/b answered 503 (Service Unavailable)", "/c answered 404 (Not Found)"):
        assert f"{server.url}{part}" in said
    assert "http://127.0.0.1:1/d gave no whole file (Failed to connect" in said
    assert [len(server.asked(path)) for path in ("/a", "/b", "/c")] == [1, 2, 1] and left_in(tmp_path) == set()


def test_one_file_that_is_not_there_holds_up_no_other(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    files = [wanted(tmp_path, f"{server.url}/{path}", name=f"{path}.bin") for path in ("gone", "x", "lost")]
    outcomes = bring(*files)
    assert [name for name, it in outcomes.items() if it.fetched] == ["x.bin"] and left_in(tmp_path) == {"x.bin"}


def test_redirects_lead_to_http_alone(tmp_path, server):
    (tmp_path / "secret").write_bytes(CONTENT)
    server.files = {
        "/x": Served(CONTENT),
        "/moved": Served(moved_to=f"{server.url}/x"),
        "/trap": Served(moved_to=f"file://{tmp_path}/secret"),
    }
    file = wanted(tmp_path, f"{server.url}/trap")
    assert "not supported" in why_not(file)
    bring(wanted(tmp_path, f"{server.url}/moved"))
    assert file.path.read_bytes() == CONTENT


def test_a_proxy_of_the_environment_is_asked(tmp_path, server, monkeypatch):
    server.files["/x"] = Served(CONTENT)
    with proxy_before(server) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        bring(file := wanted(tmp_path, "http://data.invalid/x", sha256=SHA256))
        assert [request.path for request in proxy.requests] == ["http://data.invalid/x"]
    assert file.path.read_bytes() == CONTENT


def test_what_does_not_fit_is_not_begun(tmp_path, server, monkeypatch):
    server.files["/x"] = Served(CONTENT)
    file = wanted(tmp_path, f"{server.url}/x", bytes=len(CONTENT))
    (tmp_path / "x.bin.part").write_bytes(CONTENT[:HALF])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage._replace(free=HALF - 1))
    with pytest.raises(InputError, match=f"{tmp_path} has room for 262,143 bytes, and what is to come takes 262,144"):
        bring(file)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage._replace(free=HALF))
    bring(wanted(tmp_path, f"{server.url}/x", bytes=len(CONTENT)))
    assert file.path.read_bytes() == CONTENT


def test_two_do_not_fetch_into_one_folder(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    with exclusive_lock(tmp_path), pytest.raises(InputError, match="Another process is at work in"):
        bring(wanted(tmp_path, f"{server.url}/x"))
    assert not server.requests


def test_a_file_that_is_there_is_checked_once(tmp_path, server):
    file = wanted(tmp_path, f"{server.url}/x", bytes=len(CONTENT), sha256=SHA256)
    file.path.write_bytes(CONTENT)
    bring(file)
    assert recorded(tmp_path)["x.bin"]["sha256"] == SHA256 and recorded(tmp_path)["x.bin"]["source"] == ""
    file.path.write_bytes(WRONG[1:])
    ((_, outcome),) = bring(file).items()
    assert "is another file (it has 524,287 bytes" in outcome.why_not and file.path.read_bytes() == WRONG[1:]
    assert not server.requests


def test_a_damaged_record_is_one_sentence(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    (tmp_path / RECORD_FILE).write_text('{"x.bin": {"bytes": "many"}}')
    with pytest.raises(InputError, match=f"{RECORD_FILE} is damaged .*: remove it"):
        bring(wanted(tmp_path, f"{server.url}/x"))


def test_for_what_a_person_must_sign_up_nobody_is_asked(tmp_path, server):
    server.files["/x"] = Served(CONTENT)
    file = wanted(tmp_path, f"{server.url}/x", sign_up="register at https://x/register")
    assert why_not(file).startswith("first register at https://x/register; then") and not server.requests


@pytest.fixture
def carried(tmp_path) -> Path:
    """A folder with a file that somebody has brought."""
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried/x.bin").write_bytes(CONTENT)
    return tmp_path / "carried"


def test_what_was_carried_is_linked(tmp_path, carried):
    file = wanted(tmp_path / "to", sign_up="register", bytes=len(CONTENT), sha256=SHA256)
    bring(file, source=Carried(carried))
    assert file.path.samefile(carried / "x.bin") and left_in(tmp_path / "to") == {"x.bin"}
    assert recorded(tmp_path / "to")["x.bin"]["source"] == str(carried / "x.bin")


def test_what_was_carried_is_used_in_place(carried):
    file = wanted(carried, sha256=SHA256)
    bring(file, source=Carried(carried))
    assert file.path.read_bytes() == CONTENT and recorded(carried)["x.bin"]["sha256"] == SHA256


def test_what_cannot_be_linked_is_copied(tmp_path, carried, monkeypatch):
    def refuse(*paths: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    file = wanted(tmp_path / "to", sha256=SHA256)
    bring(file, source=Carried(carried))
    assert file.path.read_bytes() == CONTENT and not file.path.samefile(carried / "x.bin")
    assert left_in(tmp_path / "to") == {"x.bin"}


def test_a_download_goes_on_if_what_was_carried_is_wrong(tmp_path, server, carried):
    server.files["/x"] = Served(CONTENT, cuts=[HALF, 0])
    file = wanted(tmp_path / "to", f"{server.url}/x", sha256=SHA256)
    why_not(file)
    (carried / "x.bin").write_bytes(WRONG)
    assert "x.bin is another file (its SHA-256 is" in why_not(file, source=Carried(carried))
    assert (carried / "x.bin").read_bytes() == WRONG
    bring(file)
    assert file.path.read_bytes() == CONTENT and server.asked("/x")[-1] == HALF


def test_nothing_is_appended_to_somebodys_file(tmp_path, server, carried):
    server.files["/x"] = Served(CONTENT + b"more")
    file = wanted(tmp_path / "to", f"{server.url}/x")
    file.path.parent.mkdir()
    os.link(carried / "x.bin", tmp_path / "to/x.bin.part.whole")  # as after a process that was killed
    bring(file)
    assert (carried / "x.bin").read_bytes() == CONTENT and left_in(tmp_path / "to") == {"x.bin"}


def test_what_was_not_carried_is_named(tmp_path, carried):
    assert f"there is no {carried}/y.bin" in why_not(wanted(tmp_path / "to", name="y.bin"), source=Carried(carried))


def run_script(folder: Path, *files: Wanted) -> subprocess.CompletedProcess:
    """Run what is printed for another machine, where no pause is made."""
    folder.mkdir(exist_ok=True)
    (folder / "sleep").write_text("#!/bin/sh\n")
    (folder / "sleep").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh"], input=script_of(files), cwd=folder, text=True, capture_output=True, env=os.environ | {"PATH": path}
    )


def test_the_script_for_another_machine_fetches_what_can_be_carried(tmp_path, server):
    server.files = {
        "/x": Served(CONTENT, etag='"1"', cuts=[HALF]),
        "/wrong": Served(WRONG),
        "/page": Served(PAGE),
        "/y": Served(b"a list"),
    }
    to, online = tmp_path / "to", tmp_path / "online"
    files = [
        wanted(to, f"{server.url}/wrong", f"{server.url}/x", bytes=len(CONTENT), sha256=SHA256),
        wanted(to, f"{server.url}/page", f"{server.url}/y", name="y.txt"),
    ]
    done = run_script(online, *files)
    assert done.returncode == 0, done.stderr
    assert (online / "x.bin").read_bytes() == CONTENT and server.asked("/x") == [None, HALF]
    assert (online / "y.txt").read_bytes() == b"a list" and left_in(online) == {"sleep", "x.bin", "y.txt"}
    asked = len(server.requests)
    assert run_script(online, *files).returncode == 0 and len(server.requests) == asked
    bring(*files, source=Carried(online))
    assert (to / "x.bin").read_bytes() == CONTENT and len(server.requests) == asked


def test_the_script_keeps_nothing_that_is_wrong(tmp_path, server):
    server.files = {"/x": Served(WRONG), "/cut": Served(CONTENT, has_ranges=False, cuts=[HALF])}
    files = [
        wanted(tmp_path, f"{server.url}/x", f"{server.url}/gone", sha256=SHA256),
        wanted(tmp_path, f"{server.url}/cut", name="y.bin"),
        wanted(tmp_path, f"{server.url}/x", name="z.bin", sign_up="register at https://x/register"),
    ]
    done = run_script(tmp_path / "online", *files)
    assert done.returncode == 1 and "x.bin is not there" in done.stderr and "y.bin is not" not in done.stderr
    assert (tmp_path / "online/y.bin").read_bytes() == CONTENT
    assert {name for name in left_in(tmp_path / "online") if not name.endswith(".from")} == {"sleep", "y.bin"}
    assert "# Not fetched: first register at https://x/register" in script_of(files)
