"""Images in tar shards: the same batches as from a folder, in any order, and a sentence for each kind of damage."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from data.config import TrainingViews
from data.listing import is_image
from data.loading import TrainingBatches, ViewedImages, batches, permutations
from data.sets.imagenet import reader as imagenet
from data.sets.imagenet_variants.reader import read_variant
from data.sets.webvision import reader as webvision
from data.sets.webvision.reader import read_train
from data.shards import open_shards
from data.views import strong_view, weak_view
from tests.support.tars import image_bytes, member, write_tar

CONSTANTS = TrainingViews(size=28, crop_scale=(0.2, 1.0), jitter=0.4, grayscale=0.2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/mopro-reproduction"


def pack(folder: Path, shards: int = 3, mode: str = "w") -> None:
    """Move every image below a folder into shards of it, dealt out in turn."""
    images = sorted(path for path in folder.rglob("*.*") if is_image(path.name))
    (folder / "shards").mkdir()
    for number in range(shards):
        with tarfile.open(folder / f"shards/{number:03d}.tar", mode) as shard:
            for path in images[number::shards]:
                shard.add(path, path.relative_to(folder))
                path.unlink()


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of the miniature whose images lie in shards."""
    world = shutil.copytree(miniature, tmp_path / "world")
    for name in ("webvision/val_images_256", "webvision", "imagenet/train", "imagenet/val", "imagenet-r"):
        pack(world / name)
    return world


@pytest.mark.parametrize("workers", [0, 2])
def test_folder_and_shards_give_identical_batches(miniature, world, workers):
    def batches_of(root: Path) -> list:
        dataset = ViewedImages(read_train(root / "webvision", 10), [weak_view(CONSTANTS), strong_view(CONSTANTS)], 4)
        return list(batches(dataset, TrainingBatches(200, 20, 1, permutations(200, 4)), workers))

    for expected, found in zip(batches_of(miniature), batches_of(world), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected[0], found[0], strict=True))
        assert torch.equal(expected[1], found[1]) and torch.equal(expected[2], found[2])


def test_every_reader_gives_the_same_table(miniature, world):
    readers = (
        lambda root: read_train(root / "webvision", 10),
        lambda root: webvision.read_validation(root / "webvision", 10),
        lambda root: imagenet.read_split(root / "imagenet", "train", 10),
        lambda root: imagenet.read_split(root / "imagenet", "val", 10),
        lambda root: read_variant(root / "imagenet-r", 8, root / "imagenet", 10)[0],
    )
    for read in readers:
        folder, shards = read(miniature), read(world)
        assert folder.fingerprint() == shards.fingerprint()
        assert [folder.content(row) for row in range(len(folder))] == [
            shards.content(row) for row in range(len(shards))
        ]


def test_the_index_is_made_once_and_anew_for_other_shards(world, cache):
    folder = world / "webvision"
    read_train(folder, 10)
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    read_train(folder, 10)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before
    os.utime(folder / "shards/000.tar", ns=(0, 0))
    read_train(folder, 10)
    assert len(list(cache.iterdir())) == len(before) + 1


def test_a_folder_without_shards(tmp_path):
    assert open_shards(tmp_path) is None


def test_an_image_that_no_shard_holds(world):
    (world / "webvision/shards/001.tar").unlink()
    with pytest.raises(InputError, match="is in none of the shards"):
        images = read_train(world / "webvision", 10)
        for row in range(3):
            images.decode(row)


@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_a_shard_that_is_no_tar_file(world, damage):
    path = world / "webvision/shards/001.tar"
    path.write_bytes(path.read_bytes()[:-30000] if damage == "truncated" else b"<html>404</html>")
    with pytest.raises(InputError, match=r"001\.tar is no whole, uncompressed tar file") as error:
        read_train(world / "webvision", 10)
    assert "\n" not in error.value.sentence


def test_an_image_that_stands_in_two_shards(world):
    shutil.copy(world / "webvision/shards/000.tar", world / "webvision/shards/copy.tar")
    with pytest.raises(InputError, match=r"twice, in 000\.tar and in copy\.tar"):
        read_train(world / "webvision", 10)


def shards_of(root: Path, *archives: list) -> Path:
    for number, members in enumerate(archives):
        write_tar(root / f"shards/{number}.tar", members)
    return root


def contents(root: Path) -> dict[str, bytes]:
    shards = open_shards(root)
    assert shards is not None
    return {os.fsdecode(path): shards.read(path) for path in shards.paths}


def refused(root: Path) -> str:
    with pytest.raises(InputError) as error:
        open_shards(root)
    assert "\n" not in error.value.sentence
    error.value.sentence.encode()
    return error.value.sentence


HARD, SYMBOLIC = tarfile.LNKTYPE, tarfile.SYMTYPE


def test_links_lead_where_they_would_lead_unpacked(tmp_path):
    """A second hard link as tar writes it; a symbolic one; a chain; into another shard; to what is no image by name."""
    first = ["n1/a.jpg", member("n1/b.jpg", "n1/a.jpg", HARD), member("n2/c.jpg", "../n1/b.jpg", SYMBOLIC), "blobs/1f"]
    second = [member("n2/d.jpg", "../blobs/1f", SYMBOLIC), member("./n2/e.jpg", "./n2/f.jpg", HARD), "n2/f.jpg"]
    found = contents(shards_of(tmp_path, first, [*second, member("latest", "blobs/1f", SYMBOLIC)]))
    assert found == {
        **{name: image_bytes("n1/a.jpg") for name in ("n1/a.jpg", "n1/b.jpg", "n2/c.jpg")},
        **{
            "n2/d.jpg": image_bytes("blobs/1f"),
            "n2/e.jpg": image_bytes("n2/f.jpg"),
            "n2/f.jpg": image_bytes("n2/f.jpg"),
        },
    }


def test_hard_links_as_gnu_tar_writes_them(world, miniature):
    """All images are there, though the files had a second name."""
    shutil.rmtree(world / "imagenet/val")
    unpacked = shutil.copytree(miniature / "imagenet/val", world / "unpacked")
    images = sorted(unpacked.rglob("*.JPEG"))
    for path in images[:5]:
        os.link(path, path.with_name(f"again_{path.name}"))
    (world / "imagenet/val/shards").mkdir(parents=True)
    subprocess.run(["tar", "-cf", world / "imagenet/val/shards/a.tar", "-C", unpacked, "."], check=True)
    (folder, shards) = (world / "linked", world / "imagenet")
    folder.mkdir()
    (folder / "val").symlink_to(unpacked)
    expected, found = (imagenet.read_split(root, "val", 10) for root in (folder, shards))
    assert len(found) == 46 and found.fingerprint() == expected.fingerprint()
    assert [found.content(row) for row in range(46)] == [expected.content(row) for row in range(46)]


@pytest.mark.parametrize(
    "link",
    [
        member("n1/b.jpg", "n1/nowhere.jpg", HARD),
        member("n1/b.jpg", "../n1", SYMBOLIC),
        member("n1/b.jpg", "/datasets/n1/a.jpg", SYMBOLIC),
        member("n1/b.jpg", "../../n1/a.jpg", SYMBOLIC),
        member("n1/b.jpg", "b.jpg", SYMBOLIC),
        member("n3", "n1", SYMBOLIC),
    ],
)
def test_a_link_that_leads_to_no_image_is_named(tmp_path, link):
    sentence = refused(shards_of(tmp_path, ["n1/a.jpg", link]))
    assert f"0.tar holds the link {link.name} to" in sentence and "--dereference" in sentence


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_shard_cut_between_two_members(tmp_path, kept):
    path = write_tar(tmp_path / "shards/a.tar", [f"n1/{number}.jpg" for number in range(3)])
    with tarfile.open(path) as archive:
        last = archive.getmembers()[kept - 1]
    path.write_bytes(path.read_bytes()[: last.offset_data + -(-last.size // 512) * 512])
    assert "a.tar has no end: it was cut off" in refused(tmp_path)


@pytest.mark.parametrize("place", [1, 2])
def test_a_damaged_header_in_the_middle(tmp_path, place):
    """Python's tarfile takes such a header for the end."""
    path = write_tar(tmp_path / "shards/a.tar", [f"n1/{number}.jpg" for number in range(3)])
    with tarfile.open(path) as archive:
        offset = archive.getmembers()[place].offset
    content = bytearray(path.read_bytes())
    content[offset + 150] ^= 0xFF
    path.write_bytes(content)
    assert f"goes on where its members end, at byte {offset}" in refused(tmp_path)


def test_two_archives_one_after_the_other(tmp_path):
    one, two = (write_tar(tmp_path / name, [f"n1/{name}.jpg"]) for name in ("1", "2"))
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/a.tar").write_bytes(one.read_bytes() + two.read_bytes())
    assert "one after the other" in refused(tmp_path)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_paths_are_read_as_they_would_be_unpacked(tmp_path, form):
    names = ["./n1/a.jpg", "n1//b.jpg", "n1/./c.jpg", "n1/\udce9.jpg", "n1/" + "e" * 90 + ".jpg"]
    names += [] if form == tarfile.USTAR_FORMAT else ["n1/" + "f" * 200 + ".jpg"]
    write_tar(tmp_path / "shards/a.tar", names, form)
    found = contents(tmp_path)
    assert found == {os.path.normpath(name): image_bytes(name) for name in names}


@pytest.mark.parametrize("name", ["/datasets/n1/a.jpg", "../n1/a.jpg", "n1/../../a.jpg", "n1/x/../a.jpg"])
def test_an_image_outside_the_folder(tmp_path, name):
    write_tar(tmp_path / "shards/a.tar", ["n1/b.jpg", name])
    assert "no path below the folder" in refused(tmp_path)


@pytest.mark.parametrize(
    "members",
    [
        ["n1/a.jpg", member("n1/a.jpg", kind=tarfile.DIRTYPE)],
        [member("n1/a.jpg", kind=tarfile.DIRTYPE), "n1/a.jpg"],
        ["n1/a.jpg", "n1/a.jpg/b/c.jpg"],
    ],
)
def test_an_image_that_is_a_folder_too(tmp_path, members):
    """Unpacking keeps whichever comes last."""
    write_tar(tmp_path / "shards/0.tar", members)
    with pytest.raises(InputError, match=r"hold n1/a\.jpg twice, as an image and as a folder: take one"):
        contents(tmp_path)


def test_a_folder_that_is_called_like_an_image_is_no_image(tmp_path):
    write_tar(tmp_path / "shards/0.tar", ["n1/a.jpg", member("n1/b.jpg", kind=tarfile.DIRTYPE)])
    assert set(contents(tmp_path)) == {"n1/a.jpg"}


def test_an_image_that_stands_twice_in_one_shard(tmp_path):
    sentence = refused(shards_of(tmp_path, ["n1/a.jpg", "n1/b.jpg", "./n1/a.jpg"]))
    assert "hold n1/a.jpg twice, in 0.tar: take" in sentence
    sentence = refused(shards_of(tmp_path / "linked", ["n1/a.jpg", "x"], [member("n1/a.jpg", "../x", SYMBOLIC)]))
    assert "hold n1/a.jpg twice, in 0.tar and in 1.tar" in sentence


def test_what_is_no_file_is_no_image(tmp_path):
    kinds = {"d.jpg": tarfile.DIRTYPE, "f.jpg": tarfile.FIFOTYPE, "c.jpg": tarfile.CHRTYPE, "n1": tarfile.DIRTYPE}
    strange = [member(name, kind=kind) for name, kind in kinds.items()]
    assert list(contents(shards_of(tmp_path, [*strange, "n1/a.jpg", "README", "README"]))) == ["n1/a.jpg"]


def test_a_sparse_image_and_one_of_an_unknown_kind(tmp_path):
    with open(tmp_path / "a.jpg", "wb") as file:
        file.truncate(1 << 20)
    (tmp_path / "shards").mkdir()
    subprocess.run(["tar", "--sparse", "-cf", "shards/a.tar", "a.jpg"], cwd=tmp_path, check=True)
    assert "holds a.jpg as a sparse file" in refused(tmp_path)
    write_tar(tmp_path / "shards/a.tar", [member("a.jpg", kind=b"Z")])
    assert "as a member of the unknown kind b'Z'" in refused(tmp_path)


@pytest.mark.parametrize("command", ["gzip", "bzip2", "xz"])
@pytest.mark.parametrize("renamed", [False, True])
def test_a_compressed_shard(tmp_path, command, renamed):
    path = write_tar(tmp_path / "shards/a.tar", ["n1/a.jpg"])
    write_tar(tmp_path / "shards/b.tar", ["n1/b.jpg"])
    subprocess.run([command, path], check=True)
    (packed,) = (tmp_path / "shards").glob("a.tar.*")
    if renamed:
        packed.rename(path)
    assert "is compressed" in refused(tmp_path) and "decompress it" in refused(tmp_path)


def test_a_folder_for_shards_without_any(tmp_path):
    (tmp_path / "shards/part1").mkdir(parents=True)
    (tmp_path / "shards/part1.tar").mkdir()
    assert "shards holds no tar file" in refused(tmp_path)
    (tmp_path / "shards/a.tar").symlink_to("nowhere.tar")
    assert "a.tar cannot be read" in refused(tmp_path)


def test_images_beside_shards_are_not_left_out_in_silence(tmp_path):
    root = shards_of(tmp_path / "train", ["n00000001/a.jpg"])
    (root / "n00000002").mkdir()
    assert len(imagenet.read_split(tmp_path, "train", 1)) == 1  # an empty folder that packing left
    (root / "n00000002/b.jpg").touch()
    with pytest.raises(InputError, match="holds shards, and images in n00000002 beside them"):
        imagenet.read_split(tmp_path, "train", 1)


@pytest.mark.parametrize("name", ["a.jpg", "train/n00000001/a.jpg"])
def test_an_image_at_another_depth_of_a_shard_is_named(tmp_path, name):
    shards_of(tmp_path / "train", ["n00000001/b.jpg", name])
    with pytest.raises(InputError) as error:
        imagenet.read_split(tmp_path, "train", 1)
    assert f"({name}), expected <synset>/<image>" in error.value.sentence


@pytest.mark.parametrize("change", ["rewritten", "renamed over"])
def test_another_shard_of_the_same_size_and_age(tmp_path, change):
    root = shards_of(tmp_path, ["n1/aa.jpg", "n2/b.jpg"])
    path, other = root / "shards/0.tar", write_tar(tmp_path / "other.tar", ["n2/b.jpg", "n1/aa.jpg"])
    os.utime(path, ns=(10**18, 10**18))
    before = open_shards(root)
    assert contents(root) == {name: image_bytes(name) for name in ("n1/aa.jpg", "n2/b.jpg")}
    assert path.stat().st_size == other.stat().st_size
    if change == "rewritten":
        path.write_bytes(other.read_bytes())
    else:
        other.rename(path)
    os.utime(path, ns=(10**18, 10**18))
    with pytest.raises(InputError, match=r"0\.tar does not hold n1/aa\.jpg where it did"):
        before.read(b"n1/aa.jpg")
    assert contents(root) == {name: image_bytes(name) for name in ("n1/aa.jpg", "n2/b.jpg")}


@pytest.mark.parametrize("damage", ["cut", "text", "flipped"])
def test_a_damaged_index_is_made_anew(tmp_path, cache, capsys, damage):
    root = shards_of(tmp_path, ["n1/a.jpg", "n2/b.jpg"])
    expected = contents(root)
    (index,) = cache.iterdir()
    whole = bytearray(index.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    index.write_bytes({"cut": whole[: len(whole) // 2], "text": b"<html>", "flipped": whole}[damage])
    assert contents(root) == expected
    assert "cannot be read" in capsys.readouterr().err
    assert contents(root) == expected and not capsys.readouterr().err


@pytest.mark.parametrize("value", ["", "relative", "file", "/proc/nowhere"])
def test_a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch, capsys, value):
    root = shards_of(tmp_path / "data", ["n1/a.jpg"])
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file") if value == "file" else value)
    assert contents(root) == {"n1/a.jpg": image_bytes("n1/a.jpg")}
    assert "are not kept" in capsys.readouterr().err
    assert not list(working.iterdir())
    for home in ("", "relative"):
        monkeypatch.setenv("HOME", home)
        assert contents(root) and not list(working.iterdir())


def test_a_relative_cache_counts_as_unset(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    contents(shards_of(tmp_path, ["n1/a.jpg"]))
    assert len(list((tmp_path / "home/.cache/mopro-reproduction").iterdir())) == 1


def test_a_shard_that_goes_away_while_it_is_read(tmp_path):
    shards = open_shards(shards_of(tmp_path, ["n1/a.jpg"]))
    (tmp_path / "shards/0.tar").unlink()
    with pytest.raises(InputError, match=r"0\.tar cannot be read"):
        shards.read(b"n1/a.jpg")


def test_a_link_to_what_tar_does_not_unpack(tmp_path):
    write_tar(
        tmp_path / "shards/a.tar", ["n1/b.jpg", "n1/n1/../c", member("a.jpg", "n1/c", SYMBOLIC)], tarfile.GNU_FORMAT
    )
    with pytest.raises(InputError, match=r"holds the link a\.jpg to n1/c, which is not one image in the shards"):
        contents(tmp_path)


PARTS = st.sampled_from(["n1", "n2", "..", ".", "", ".git", "x"])
NAMES = st.builds(
    lambda parts, name: "/".join([*parts, name]), st.lists(PARTS, max_size=3), st.sampled_from(["a.jpg", "b.PNG", "c"])
)
MEMBERS = st.one_of(
    NAMES,
    st.builds(lambda name, target: member(name, target, SYMBOLIC), NAMES, NAMES),
    st.builds(lambda name, target: member(name, target, HARD), NAMES, NAMES),
    st.builds(lambda name: member(name, kind=tarfile.DIRTYPE), NAMES),
)


@settings(max_examples=60, deadline=None)
@given(members=st.lists(MEMBERS, max_size=6), form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_shards_hold_what_tar_unpacks(tmp_path_factory, members, form):
    """What is accepted is what unpacking gives: the same images with the same bytes."""
    root = tmp_path_factory.mktemp("random")
    write_tar(root / "shards/a.tar", members, form)
    try:
        found = contents(root)
    except InputError as error:
        assert "\n" not in error.sentence
        return
    unpacked = root / "unpacked"
    unpacked.mkdir()
    for _ in range(2):  # a hard link may stand before what it leads to
        subprocess.run(["tar", "-xf", root / "shards/a.tar", "-C", unpacked], check=False, capture_output=True)
    expected = {
        str(path.relative_to(unpacked)): path.read_bytes()
        for path in unpacked.rglob("*")
        if path.is_file() and is_image(str(path.relative_to(unpacked)))
    }
    assert found == expected
