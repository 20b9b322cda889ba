"""Folders and tar files of images, with strangers and damage at random: the same table, or one sentence."""

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from data.images import ImageTable
from data.sets.imagenet import reader as imagenet
from data.sets.imagenet.verification import imagenet_split
from tests.support.fuzzing import fuzz
from tests.support.tars import image_bytes, member, write_tar

SYNSETS = ("n00000001", "n00000002", "n00000003")
IMAGES = tuple(f"{synset}/{name}" for synset in SYNSETS for name in ("a.JPEG", "b.jpg", f"{'long' * 30}.png"))

STRANGE_NAMES = st.one_of(
    st.sampled_from(["lost+found", "@eaDir", ".DS_Store", "x.JPEG", "._a.JPEG", "README", "shards", "n00000004", "é"]),
    st.binary(min_size=1, max_size=5).filter(lambda name: not set(name) & set(b"\0/")).map(os.fsdecode),
)
PLACES = st.sampled_from(["", *SYNSETS])
KINDS = st.sampled_from(["file", "folder", "full folder", "link", "loop", "fifo"])
STRANGERS = st.lists(st.tuples(PLACES, STRANGE_NAMES, KINDS), max_size=4)
LOST = st.lists(st.sampled_from([*IMAGES, *SYNSETS]), max_size=1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def read(root: Path) -> ImageTable | None:
    """The table; None where a sentence refused it. The check of the data set must see no fault, or one, as well."""
    inspection = imagenet_split(root, "train", len(SYNSETS), None).inspect()
    assert all("\n" not in fault and fault.isprintable() for fault in inspection.faults)
    try:
        table = imagenet.read_split(root, "train", len(SYNSETS))
    except InputError as error:
        assert "\n" not in error.sentence and error.sentence.isprintable() and error.sentence.encode()
        assert inspection.faults
        return None
    assert not inspection.faults and inspection.images is not None
    assert inspection.images.fingerprint() == table.fingerprint()
    return table


def strew(folder: Path, place: str, name: str, kind: str) -> None:
    path = folder / place / name
    if name in (".", "..") or path.is_symlink() or path.exists() or not path.parent.is_dir():
        return
    if kind == "file":
        path.write_bytes(b"stranger")
    elif kind in ("folder", "full folder"):
        path.mkdir()
        if kind == "full folder":
            (path / "c.JPEG").write_bytes(b"stranger")
    elif kind == "link":
        path.symlink_to("/nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        os.mkfifo(path)


def test_fuzz_folders_with_strangers(tmp_path):
    root = tmp_path / "imagenet"

    @given(strangers=STRANGERS, lost=LOST)
    def table_or_sentence(strangers: list[tuple[str, str, str]], lost: list[str]) -> None:
        shutil.rmtree(root, ignore_errors=True)
        for name in IMAGES:
            (root / "train" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "train" / name).write_bytes(image_bytes(name))
        for name in lost:
            path = root / "train" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for stranger in strangers:
            strew(root / "train", *stranger)
        table = read(root)
        if table is None:
            return
        found = {os.fsdecode(path): row for row, path in enumerate(table.paths)}
        left = {name for name in IMAGES if not {name, name.partition("/")[0]} & set(lost)}
        assert found.keys() >= left
        assert all(table.content(found[name]) == image_bytes(name) for name in left)
        beside = found.keys() - set(IMAGES)  # what is named like an image of a class is one
        assert all(name.count("/") == 1 and not name.split("/")[1].startswith(".") for name in beside)

    fuzz(table_or_sentence)


FORMS = st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
LINKED = st.sampled_from(IMAGES).map(lambda name: member(f"{name}.link.jpg", name, tarfile.LNKTYPE))
STRAY = st.sampled_from([".DS_Store", "n00000001/._a.JPEG", "README", "__MACOSX/n00000001/a.JPEG", "./n00000001"])
BYTE_CHANGES = st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 255)), max_size=2)
CUT = st.one_of(st.none(), st.integers(0, 1 << 14), st.integers(0, 1 << 5).map(lambda blocks: 512 * blocks))


def whole_archive(members: list, form: int) -> bytes:
    """What ``write_tar`` writes, without the padding to a record: its damage is more often damage to something."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for one in members:
            info = member(one) if isinstance(one, str) else one
            archive.addfile(info, io.BytesIO(image_bytes(info.name)) if info.isreg() else None)
        end = archive.offset
    return buffer.getvalue()[: end + 1024]


def test_fuzz_damaged_shards(tmp_path):
    root = tmp_path / "imagenet"
    shards = root / "train/shards"

    @given(
        order=st.permutations(IMAGES),
        extra=st.lists(st.one_of(LINKED, STRAY), max_size=3),
        form=FORMS,
        changes=BYTE_CHANGES,
        cut=CUT,
        split=st.integers(0, len(IMAGES)),
    )
    def table_or_sentence(order: list, extra: list, form: int, changes: list, cut: int | None, split: int) -> None:
        shutil.rmtree(root, ignore_errors=True)
        write_tar(shards / "b.tar", order[split:], form)
        content = bytearray(whole_archive([*order[:split], *extra], form))
        for place, value in changes:
            content[place % len(content)] = value
        (shards / "a.tar").write_bytes(content if cut is None else content[:cut])
        table = read(root)
        if table is None:
            return
        found = {os.fsdecode(path): row for row, path in enumerate(table.paths)}
        assert all(table.content(row) is not None for row in found.values())
        if not changes:
            expected = set(IMAGES) | {one.name for one in extra if not isinstance(one, str)}
            assert found.keys() == expected, "an image vanished without a word"
            assert all(table.content(found[name]) == image_bytes(name) for name in IMAGES)
        assert len(found) >= len(IMAGES) - len(changes), "more images vanished than were renamed"

    fuzz(table_or_sentence)
