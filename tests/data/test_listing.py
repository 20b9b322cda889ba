"""What systems leave in a data set's folder changes no table; what matters is named."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from data.images import ImageTable
from data.listing import is_image, listing
from data.miniature.classes import IMAGENET_CLASSES
from data.sets.imagenet import reader as imagenet
from data.sets.imagenet_variants.reader import read_variant
from data.sets.voc07 import reader as voc
from tests.support.folders import STRANGERS, put

READERS = {
    "imagenet/train": lambda world: imagenet.read_split(world / "imagenet", "train", 10),
    "imagenet/val": lambda world: imagenet.read_split(world / "imagenet", "val", 10),
    "imagenet-r": lambda world: read_variant(world / "imagenet-r", 8, world / "imagenet", 10)[0],
    "VOCdevkit/VOC2007/ImageSets/Main": lambda world: voc.read_classification(world / "VOCdevkit", "trainval", 20),
}


@pytest.fixture
def world(miniature, tmp_path) -> Path:
    """A copy of what the readers read; a test may damage it."""
    for name in ("imagenet", "imagenet-r", "VOCdevkit"):
        shutil.copytree(miniature / name, tmp_path / name)
    return tmp_path


def folders_below(folder: Path) -> list[Path]:
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]


@pytest.mark.parametrize("place", READERS)
def test_every_known_stranger_is_ignored(miniature, world, place):
    for folder in folders_below(world / place):
        for name in STRANGERS:
            put(folder, name)
        if folder != world / place:
            (folder / "x.JPEG").mkdir()
            os.mkfifo(folder / "y.JPEG")
    for name in ("._aeroplane_trainval.txt", "._bag_trainval.txt"):
        put(world / place, name)
    assert READERS[place](world).fingerprint() == READERS[place](miniature).fingerprint()


SYSTEMS = ("lost+found", "Lost+Found", "@eaDir", "__macosx", "thumbs.DB", "System Volume Information", "#snapshot")
HIDDEN = st.text("abx._-~ é", min_size=1, max_size=6).map(lambda name: f".{name}").filter(lambda name: name != "..")
OTHERS = st.text("abcnx0123456789é -", min_size=1, max_size=9).map(lambda name: f"{name}.txt_")


@settings(max_examples=12, deadline=None)
@given(
    sprinkled=st.lists(
        st.tuples(st.integers(0, 99), st.one_of(HIDDEN, OTHERS, st.sampled_from(SYSTEMS)), st.booleans()), max_size=9
    ),
    place=st.sampled_from(sorted(READERS)),
)
def test_strangers_of_the_kind_are_ignored_wherever_they_lie(miniature, tmp_path_factory, sprinkled, place):
    world = tmp_path_factory.mktemp("sprinkled")
    root = Path(place).parts[0]
    for name in {root, "imagenet"}:
        shutil.copytree(miniature / name, world / name, copy_function=os.link)
    folders = folders_below(world / place)
    for number, name, is_folder in sprinkled:
        is_folder = is_folder and not name.endswith(".txt_")
        if not (folders[number % len(folders)] / name).exists():
            put(folders[number % len(folders)], f"{name}/" if is_folder else name)
    assert READERS[place](world).fingerprint() == READERS[place](miniature).fingerprint()
    shutil.rmtree(world)


def test_links_to_images_and_to_class_folders_are_followed(miniature, world):
    synset = world / "imagenet/val" / IMAGENET_CLASSES[3].synset
    synset.rename(world / "elsewhere")
    synset.symlink_to(world / "elsewhere")
    image = sorted((world / "imagenet/val" / IMAGENET_CLASSES[4].synset).iterdir())[0]
    image.rename(world / "blob")
    image.symlink_to("../../../blob")
    images, expected = (READERS["imagenet/val"](root) for root in (world, miniature))
    assert images.fingerprint() == expected.fingerprint()
    assert [images.content(row) for row in range(41)] == [expected.content(row) for row in range(41)]


def refused(read, world: Path) -> str:
    with pytest.raises(InputError) as error:
        read(world)
    assert "\n" not in error.value.sentence
    error.value.sentence.encode()
    return error.value.sentence


@pytest.mark.parametrize("name", ["new folder", "n01440764 (copy)", "backup"])
def test_a_class_folder_too_many_is_named(world, name):
    (world / "imagenet/train" / name).mkdir()
    sentence = refused(READERS["imagenet/train"], world)
    assert name in sentence and "holds 11 synset folders" in sentence and "expected 10" in sentence


def test_a_link_that_leads_nowhere_is_missed(world):
    image = sorted((world / "imagenet/val" / IMAGENET_CLASSES[4].synset).iterdir())[0]
    image.unlink()
    image.symlink_to("../nowhere.JPEG")
    images = READERS["imagenet/val"](world)
    assert len(images) == 41
    with pytest.raises(InputError, match="does not exist"):
        images.decode(images.paths.tolist().index(os.fsencode(image.relative_to(world / "imagenet/val"))))
    synset = world / "imagenet/val" / IMAGENET_CLASSES[3].synset
    shutil.rmtree(synset)
    synset.symlink_to("nowhere")
    assert f"{synset.name} cannot be listed" in refused(READERS["imagenet/val"], world)


@pytest.mark.parametrize("place", ["", "images/", "x.JPEG/"])
def test_an_image_where_none_is_read_is_named(world, place):
    synset = world / "imagenet/train" / IMAGENET_CLASSES[0].synset
    folder = synset / place if place else synset.parent
    folder.mkdir(exist_ok=True)
    shutil.copy(sorted(synset.glob("*.JPEG"))[0], folder / "stray.jpg")
    assert "stray.jpg), expected <synset>/<image>" in refused(READERS["imagenet/train"], world)


def test_the_wrong_voc_list_is_named(miniature, tmp_path):
    """In a devkit with the real classes, of which one is misspelt."""
    main = tmp_path / "VOC2007/ImageSets/Main"
    main.mkdir(parents=True)
    for name in voc.CLASSES:
        (main / f"{name}_test.txt").write_text("000001  1\n000002 -1\n")
    assert voc.read_classification(tmp_path, "test", 20).labels.sum() == 20
    (main / "cow_test.txt").rename(main / "cows_test.txt")
    sentence = refused(lambda root: voc.read_classification(root, "test", 20), tmp_path)
    assert "cows is no class of it" in sentence and "cow is missing" in sentence


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"000001 1\n000001 -1\n", "line 2: the image 000001 is named a second time"),
        (b"\xe9 x\n", r"line 1: found '\xe9 x'"),
        (b"\0\5\x16\7\n", "line 1: found"),
    ],
)
def test_a_voc_list_that_is_none(world, content, part):
    (world / "VOCdevkit/VOC2007/ImageSets/Main/bag_trainval.txt").write_bytes(content)
    assert part in refused(READERS["VOCdevkit/VOC2007/ImageSets/Main"], world)


def test_names_that_are_not_utf8_are_read_and_shown(miniature, world):
    synset = os.fsencode(world / "imagenet/train" / IMAGENET_CLASSES[0].synset)
    shutil.copy(sorted(os.scandir(synset), key=lambda entry: entry.name)[0].path, synset + b"/\xe9.JPEG")
    images = READERS["imagenet/train"](world)
    row = images.paths.tolist().index(os.path.basename(synset) + b"/\xe9.JPEG")
    assert images.decode(row).shape == (40, 40, 3)
    os.mkdir(os.path.dirname(synset) + b"/caf\xe9\n")
    assert r"caf\xe9\n" in refused(READERS["imagenet/train"], world)


def test_the_endings_of_images(tmp_path):
    for name in ("a.JPEG", "b.jpg", "c.PNG", "d.webp", "e.txt", "f.jpg.md5", "g"):
        (tmp_path / name).touch()
    for name in ("h.JPE", "i.heic", "j.gif"):
        (tmp_path / name).touch()
    assert listing(tmp_path).unread == ["h.JPE", "i.heic", "j.gif"]
    assert listing(tmp_path).images == ["a.JPEG", "b.jpg", "c.PNG", "d.webp"]
    assert is_image("n1/x.JPEG") and not is_image("__MACOSX/n1/x.JPEG") and not is_image("n1/._x.JPEG")


@pytest.mark.parametrize("name", ["x.jfif", "y.HEIC", "é.gif", "z.Avif"])
@pytest.mark.parametrize("in_shards", [False, True])
def test_images_that_no_reader_takes_are_named(world, name, in_shards):
    """They would be missing from every figure, and nothing would say so."""
    folder = world / "imagenet/val"
    put(folders_below(folder)[3], name)
    place = folders_below(folder)[3]
    if in_shards:
        (folder / "shards").mkdir()
        with tarfile.open(folder / "shards/a.tar", "w") as shard:
            shard.add(folder, ".", filter=lambda member: None if "shards" in member.name else member)
        for path in folder.iterdir():
            if path.name != "shards":
                shutil.rmtree(path)
        place, name = folder / "shards/a.tar", f"{place.name}/{name}"
    with pytest.raises(InputError, match=f"{place} holds {name}, an image of a format that is not read"):
        READERS["imagenet/val"](world)


def test_strangers_in_and_among_shards_are_ignored(miniature, world):
    folder = world / "imagenet/val"
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards/a.tar", "w") as shard:
        shard.add(folder, ".", filter=lambda member: None if "shards" in member.name else member)
        for name in ("./__MACOSX/._a/x.JPEG", "./.DS_Store", "README", "n1/@eaDir/x.JPEG", ".DS_Store", "README"):
            shard.addfile(tarfile.TarInfo(name))
    for path in folder.iterdir():
        if path.name != "shards":
            shutil.rmtree(path)
    for name in STRANGERS:
        put(folder, name)
        put(folder / "shards", name)
    table: ImageTable = READERS["imagenet/val"](world)
    assert table.fingerprint() == READERS["imagenet/val"](miniature).fingerprint()
