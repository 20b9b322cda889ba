"""ImageNet's archives: a tar file of 1,000 tar files, one a synset; validation images in no folders; their synsets."""

import re
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from core.errors import InputError
from data.paths import shown
from data.preparation.declaration import Piece, Place, Preparation, moved
from data.preparation.members import announced_bytes, explained, members, unexpected
from data.sets.imagenet import synsets
from data.sets.imagenet.archives import DEVKIT

TRAIN, VALIDATION = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
TABLE = "ILSVRC2012_devkit_t12/data/meta.mat"  # each class's number and synset, ImageNet's 1,000 and those above them
NUMBERS = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"  # a class for each validation image
LARGEST = 1 << 24  # bytes of either, several times what they have
IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


def _pieces(archives: Mapping[str, Path]) -> Iterator[Piece]:
    yield from _of_training(archives[TRAIN])
    validation = archives[VALIDATION]
    yield Piece(validation.stem, validation, _by_synset(archives[DEVKIT]), announced_bytes(validation))


def _of_training(archive: Path) -> Iterator[Piece]:
    """The tar file of each synset, where it lies."""
    missing = set(synsets.imagenet())
    with explained(archive), tarfile.open(archive, "r:") as opened:
        for member in opened:
            synset = member.name.removesuffix(".tar")
            if synset not in missing or not member.isreg():
                raise unexpected(archive, member.name, "which is none of ImageNet's 1,000 synsets, or is there twice")
            missing.remove(synset)
            yield Piece(synset, archive, moved(f"{synset}_", f"train/{synset}/{synset}_"), member.size, member.offset)
    if missing:
        raise InputError(
            f"The archive {shown(archive)} lacks {len(missing)} of ImageNet's 1,000 synsets (such as {min(missing)}): "
            "fetch it again."
        )


def _by_synset(kit: Path) -> Place:
    """Where each validation image lies: the development kit says of which class it is."""
    content = {}
    for member in members(kit):
        if member.path in (TABLE, NUMBERS):
            if member.size > LARGEST:
                raise unexpected(kit, member.path, f"of {member.size:,} bytes")
            content[member.path] = b"".join(member.chunks())
    for name in (TABLE, NUMBERS):
        if name not in content:
            raise InputError(f"The archive {shown(kit)} lacks {name}: fetch it again.")
    synset_of = _synsets_in(content[TABLE], kit)
    try:
        classes = [synset_of[int(number)] for number in content[NUMBERS].split()]
    except (ValueError, KeyError) as error:
        raise InputError(f"The archive {shown(kit)} has no class {error} for {NUMBERS}: fetch it again.") from None

    def place(path: str) -> str | None:
        found = IMAGE.fullmatch(path)
        if found is None or not 1 <= int(found[1]) <= len(classes):
            return None
        return f"val/{classes[int(found[1]) - 1]}/{path}"

    return place


def _synsets_in(table: bytes, kit: Path) -> dict[int, str]:
    """The synset of each of ImageNet's classes, by its number in the table."""
    from scipy.io import loadmat

    known = set(synsets.imagenet())
    try:
        rows = loadmat(BytesIO(table), squeeze_me=True)["synsets"]
        pairs = zip(rows["ILSVRC2012_ID"], rows["WNID"], strict=True)
        return {int(number): str(synset) for number, synset in pairs if str(synset) in known}
    except Exception as error:  # whatever a reader of a binary format makes of other bytes
        reason = " ".join(str(error).split())
        raise InputError(f"{TABLE} in {shown(kit)} is no table of classes ({reason}): fetch it again.") from None


PREPARATION = Preparation(_pieces, shard_folders=("train", "val"))
