"""Archives that are damaged, hostile or others than their name says: one sentence, and nothing of them at the place."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import run_all
from data.sets.imagenet import synsets
from tests.support import published

SYNSET = synsets.variant("imagenet-r")[0]
SOUND = (f"imagenet-r/{SYNSET}/art_0.jpg", published.tiny_jpeg("art_0"))
IMAGENET = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")


pytestmark = pytest.mark.usefixtures("nothing_is_stated")


@pytest.fixture
def downloads(tmp_path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def prepare(downloads: Path, name: str, *options: str) -> int:
    root = downloads.parent / "root"
    return run_all.main(
        [
            "data",
            "prepare",
            name,
            "--profile",
            "paper",
            "--set",
            f"data.root={root}",
            "--from",
            str(downloads),
            *options,
        ]
    )


def refused(downloads: Path, name: str, capsys, *parts: str) -> str:
    """Assert that a data set gets one sentence with these parts, and that nothing lies at its place or elsewhere."""
    assert prepare(downloads, name, "--jobs", "1") == 1
    printed = capsys.readouterr()
    assert printed.err == "" and printed.out.startswith(f"{name}: ") and printed.out.count("\n") == 1
    assert all(part in printed.out for part in parts), printed.out
    root = downloads.parent / "root"
    assert not root.exists() or all(path.name.startswith(".") for path in root.iterdir())
    assert {path.name for path in downloads.parent.iterdir()} <= {"downloads", "root"}
    return printed.out


def tar_with(*strangers: tarfile.TarInfo | str) -> bytes:
    """A tar file of a sound image, and of members that are none; a string is the name of a file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for it in (SOUND[0], *strangers):
            member = tarfile.TarInfo(it) if isinstance(it, str) else it
            if member.type == tarfile.REGTYPE:
                member.size = len(SOUND[1])
            archive.addfile(member, io.BytesIO(SOUND[1]) if member.size else None)
    return content.getvalue()


def of_kind(kind: bytes, name: str, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("stranger", "said"),
    [
        ("../evil.jpg", "holds ../evil.jpg, which is no path below the folder"),
        (f"imagenet-r/{SYNSET}/../../../evil.jpg", "/../../../evil.jpg, which is no path below the folder"),
        ("/evil.jpg", "holds /evil.jpg, which is no path below the folder"),
        (of_kind(tarfile.SYMTYPE, "imagenet-r/out", "/etc"), "holds imagenet-r/out, a link to /etc"),
        (of_kind(tarfile.SYMTYPE, "imagenet-r/in", SYNSET), f"holds imagenet-r/in, a link to {SYNSET}"),
        (of_kind(tarfile.LNKTYPE, "imagenet-r/hard", "/etc/passwd"), "a link to /etc/passwd"),
        (of_kind(tarfile.CHRTYPE, "imagenet-r/null"), "holds imagenet-r/null, a device or a pipe"),
        (of_kind(tarfile.FIFOTYPE, "imagenet-r/pipe"), "holds imagenet-r/pipe, a device or a pipe"),
        (f"imagenet-a/{SYNSET}/x.jpg", f"holds imagenet-a/{SYNSET}/x.jpg, where no published member lies"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--shards",)])
def test_a_member_that_no_published_archive_has(downloads, capsys, stranger, said, options):
    (downloads / "imagenet-r.tar").write_bytes(tar_with(stranger))
    refused(downloads, "imagenet-r", capsys, f"The archive {downloads / 'imagenet-r.tar'} ", said, "fetch it again")


WHOLE = tar_with(f"imagenet-r/{SYNSET}/second.jpg")
SECOND = 2 * tarfile.BLOCKSIZE  # where its header begins: behind that of the first, and one block of content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WHOLE[: SECOND - 412], f"is damaged at imagenet-r/{SYNSET}/art_0.jpg"),
        (WHOLE[:SECOND], "it has no end at byte 1,024"),
        (WHOLE[: SECOND + 100], "it has no end at byte 1,024"),
        (WHOLE[:SECOND] + b"x" * 512 + WHOLE[SECOND + 512 :], "it has no end at byte 1,024"),
        (WHOLE[: SECOND + 600], f"is damaged at imagenet-r/{SYNSET}/second.jpg"),
        (b"", "(empty file)"),
        (b"<html>404</html>", "is damaged"),
        (gzip.compress(WHOLE), "is damaged"),
    ],
)
def test_a_tar_file_that_is_damaged_or_cut_off(downloads, capsys, content, said):
    (downloads / "imagenet-r.tar").write_bytes(content)
    refused(downloads, "imagenet-r", capsys, str(downloads / "imagenet-r.tar"), said, "fetch it again")


def test_a_compressed_tar_file_that_is_damaged_or_cut_off(downloads, capsys):
    lists = published.tar_of([("trainvalsplit_places205/train_places205.csv", b"a.jpg 0\n" * 999)])
    published.write_gzipped(downloads / "trainvalsplit_places205.tar.gz", lists)
    images = published.tar_of((f"data/vision/torralba/deeplearning/images256/{n}.jpg", bytes(999)) for n in range(99))
    whole = gzip.compress(images)
    changed_sum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    for content, said in ((whole[: len(whole) // 2], "ended before"), (changed_sum, "CRC check failed")):
        (downloads / "imagesPlaces205_resize.tar.gz").write_bytes(content)
        refused(downloads, "places205", capsys, "imagesPlaces205_resize.tar.gz is damaged", said)


def with_member(name: str, **changes: int) -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        for key, value in changes.items():
            setattr(info, key, value)
        archive.writestr(info, b"content")

    return write


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (with_member("../evil.jpg"), "holds ../evil.jpg, which is no path below the folder"),
        (with_member("/evil.jpg"), "holds /evil.jpg, which is no path below the folder"),
        (with_member("val2017/x", external_attr=(stat.S_IFLNK | 0o777) << 16), "holds val2017/x, which is a link"),
        (with_member("train2017/x.jpg"), "holds train2017/x.jpg, where no published member lies"),
    ],
)
def test_a_member_that_no_published_zip_file_has(downloads, capsys, write, said):
    coco(downloads)
    with zipfile.ZipFile(downloads / "val2017.zip", "w") as archive:
        write(archive)
    refused(downloads, "coco", capsys, f"The archive {downloads / 'val2017.zip'} {said}", "fetch it again")


def coco(downloads: Path) -> None:
    for name, file in (
        ("annotations_trainval2017", "annotations/instances_val2017.json"),
        ("train2017", "train2017/1.jpg"),
        ("val2017", "val2017/2.jpg"),
    ):
        published.write_zip(downloads / f"{name}.zip", [(file, b"some content")])


def cut(content: bytes) -> bytes:
    return content[:-30]


def other_byte(content: bytes) -> bytes:
    return content.replace(b"some content", b"same content")


def encrypted(content: bytes) -> bytes:
    """With the flag of encryption in both headers."""
    local, central = content.index(b"PK\3\4") + 6, content.index(b"PK\1\2") + 8
    changed = bytearray(content)
    changed[local] |= 1
    changed[central] |= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "said"), [(cut, "not a zip file"), (other_byte, "Bad CRC-32"), (encrypted, "encrypted")]
)
def test_a_zip_file_that_is_damaged_is_all_that_has_to_be_fetched_again(downloads, capsys, damage, said):
    """What the others hold is kept."""
    coco(downloads)
    whole = (downloads / "val2017.zip").read_bytes()
    (downloads / "val2017.zip").write_bytes(damage(whole))
    refused(downloads, "coco", capsys, f"The archive {downloads / 'val2017.zip'} is damaged", said)
    (downloads / "val2017.zip").write_bytes(whole)
    assert prepare(downloads, "coco") == 0
    assert (downloads.parent / "root/coco/val2017/2.jpg").read_bytes() == b"some content"


def test_no_more_is_unpacked_than_the_disk_has_room_for(downloads, capsys):
    """As it is announced, before a byte of it is read."""
    coco(downloads)
    with zipfile.ZipFile(downloads / "train2017.zip", "w") as archive:
        info = zipfile.ZipInfo("train2017/1.jpg")
        info.extra = struct.pack("<HHQ", 1, 8, 1 << 55)  # where sizes of 64 bits stand
        archive.writestr(info, b"content")
    content = bytearray((downloads / "train2017.zip").read_bytes())
    size = content.index(b"PK\1\2") + 24
    content[size : size + 4] = b"\xff" * 4  # look there
    (downloads / "train2017.zip").write_bytes(content)
    refused(downloads, "coco", capsys, f"COCO takes {(1 << 55) + 24:,} bytes in", "are free: make room there")


def test_a_member_of_a_compressed_file_that_claims_to_be_larger_than_the_disk(downloads, capsys):
    huge = tarfile.TarInfo("trainvalsplit_places205/train_places205.csv")
    huge.size = 1 << 50
    published.write_gzipped(downloads / "trainvalsplit_places205.tar.gz", huge.tobuf(tarfile.GNU_FORMAT) + bytes(9999))
    published.write_gzipped(downloads / "imagesPlaces205_resize.tar.gz", published.tar_of([]))
    refused(downloads, "places205", capsys, "has no room for trainvalsplit_places205/train_places205.csv of", "1,125,8")


def test_archives_that_are_missing_are_named_and_the_others_prepared(downloads, capsys):
    (downloads / "imagenet-r.tar").write_bytes(WHOLE)
    coco(downloads)
    (downloads / "train2017.zip").unlink()
    options = ["--profile", "paper", "--set", f"data.root={downloads.parent / 'root'}", "--from", str(downloads)]
    assert run_all.main(["data", "prepare", *options]) == 1
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["imagenet-r"] == f"prepared in {downloads.parent / 'root/imagenet-r'}."
    assert lines["coco"].startswith(f"train2017.zip is not in {downloads}: run_all.py data fetch gets")
    assert lines["imagenet"].startswith("ILSVRC2012_img_train.tar and 2 more are not in") and len(lines) == 8
    assert run_all.main(["data", "prepare", "imagenet_r", *options]) == 0
    assert "imagenet-r: there already" in capsys.readouterr().out


def test_the_size_that_is_published_tells_another_file(downloads, monkeypatch, capsys):
    monkeypatch.undo()
    (downloads / "imagenet-r.tar").write_bytes(WHOLE)
    refused(downloads, "imagenet-r", capsys, f"has {len(WHOLE):,} bytes, the published file 2,191,079,936")


def test_what_lies_at_its_place_is_never_touched(downloads, capsys):
    (downloads / "imagenet-r.tar").write_bytes(WHOLE)
    place = downloads.parent / "root/imagenet-r"
    place.mkdir(parents=True)
    assert prepare(downloads, "imagenet-r") == 0  # an empty folder is none
    assert (place / SYNSET / "second.jpg").read_bytes() == SOUND[1]
    (place / SYNSET).rename(place / "mine")
    capsys.readouterr()
    assert prepare(downloads, "imagenet-r") == 1
    assert (
        f"{place} is there, but not as ImageNet-R that can be read: move its content elsewhere"
        in capsys.readouterr().out
    )
    assert sorted(path.name for path in place.iterdir()) == ["mine", "prepared.json"]


def test_other_options_are_not_mixed_with_those_it_was_begun_with(downloads, capsys):
    (downloads / "imagenet-r.tar").write_bytes(tar_with("../evil"))
    refused(downloads, "imagenet-r", capsys, "../evil")
    assert prepare(downloads, "imagenet-r", "--shards") == 1
    assert "was begun with other options (in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "content", "said"),
    [
        (IMAGENET[0], published.tar_of([("n01440764.tar", b"")]), "lacks 999 of ImageNet's 1,000 synsets"),
        (IMAGENET[0], published.tar_of([("n00000001.tar", b"")]), "holds n00000001.tar, which is none of ImageNet's"),
        (IMAGENET[1], published.tar_of([("ILSVRC2012_val_00000009.JPEG", b"")]), "where no published member lies"),
        (IMAGENET[2], gzip.compress(published.tar_of([])), "lacks ILSVRC2012_devkit_t12/data/meta.mat"),
        (
            IMAGENET[2],
            gzip.compress(published.tar_of((name, b"1\n") for name, _ in published.kit_of([]))),
            "is no table of classes",
        ),
        (
            IMAGENET[2],
            gzip.compress(published.tar_of([*list(published.kit_of([]))[:2], (published.NUMBERS, b"1861")])),
            "has no class 1861 for",
        ),
    ],
)
def test_archives_of_imagenet_that_do_not_fit_together(downloads, capsys, changed, content, said):
    published.write_imagenet(downloads, [], {SYNSET: SOUND[1]})
    (downloads / changed).write_bytes(content)
    refused(downloads, "imagenet", capsys, str(downloads / changed), said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["imagnet", "--from", "."], "There is no data set imagnet, expected one of webvision-v05,"),
        ([], "/datasets/archives is no folder: name the one that holds the archives, with --from"),
        (["--from", "/no/where"], "/no/where is no folder: name the one"),
        (["--from", __file__], "is no folder: name the one that holds the archives"),
        (["--from", ".", "--shorter-side", "0"], "found 0, expected a number from 1"),
        (["--profile", "mini", "--from", "."], "The profile mini makes its data"),
    ],
)
def test_a_mistake_is_a_sentence(arguments, said, capsys):
    assert run_all.main(["data", "prepare", "--profile", "paper", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
