"""ImageNet as it is downloaded, and what turns it into folders of synsets.

The training set comes as a tar file of 1,000 tar files, the validation set as 50,000 images in one folder, whose
classes are in the development kit (``ILSVRC2012_devkit_t12.tar.gz``).
"""

from pathlib import Path
from typing import Literal

from core.errors import InputError
from data.images import require_folder
from data.listing import files_in, listing
from data.misplaced import SYNSET, FolderStructure, quoted, require_structure
from data.paths import shown

SplitName = Literal["train", "val"]

DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
UNPACK_SYNSETS = (
    'for synset in n*.tar; do mkdir -p "${synset%.tar}" && tar -xf "$synset" -C "${synset%.tar}" && rm "$synset"; done'
)
SORT_VALIDATION = (  # the kit's table gives each class's number and synset, its list the number of each image
    f'tar -xf {DEVKIT} && python -c "import glob, os; from scipy.io import loadmat; '
    "kit = 'ILSVRC2012_devkit_t12/data/'; "
    "synsets = {int(row[0]): str(row[1]) for row in loadmat(kit + 'meta.mat', squeeze_me=True)['synsets']}; "
    "numbers = open(kit + 'ILSVRC2012_validation_ground_truth.txt').read().split(); "
    "[os.renames(image, f'val/{synsets[int(numbers[int(image[-13:-5]) - 1])]}/{image[4:]}') "
    "for image in glob.glob('val/*.JPEG')]\""
)


def require_split(root: Path, split: SplitName) -> Path:
    """The folder of a split.

    Raises:
        InputError: it does not exist, or what is there are archives, images without synset folders, or the synset
            folders a level too deep or in another place.
    """
    require_folder(root, "ImageNet")
    folder = root / split
    remedy = _packed(root, folder, split)
    if remedy is not None:
        raise InputError(remedy)
    synsets = FolderStructure("ImageNet", "data.imagenet", (SYNSET,))
    if folder.is_dir() and not synsets.is_at(folder):
        inner = next((folder / name for name in listing(folder).folders if synsets.is_at(folder / name)), None)
        if inner is not None:
            raise InputError(
                f"The synset folders of {shown(folder)} lie one level too deep, in {shown(inner)}: move them with "
                f"`mv {quoted(inner)}/{SYNSET} {quoted(folder)}`."
            )
    if not folder.is_dir() or not listing(folder).folders:
        require_structure(
            root, FolderStructure("ImageNet", "data.imagenet", (f"{split}/{SYNSET}", f"{split}/shards/*.tar"))
        )
    return require_folder(folder, "ImageNet")


def _packed(root: Path, folder: Path, split: SplitName) -> str | None:
    """What to do with archives, or images that were unpacked into one folder; None where there is nothing to do."""
    archive = f"ILSVRC2012_img_{split}.tar"
    finish = f"cd {split} && {UNPACK_SYNSETS}" if split == "train" else SORT_VALIDATION
    with_devkit = "" if split == "train" else f", with {DEVKIT} there"
    content = listing(folder) if folder.is_dir() else None
    if content is not None:
        packed = {path.stem for path in files_in(folder, (".tar",)) if path.match(f"{SYNSET}.tar")}
        packed -= set(content.folders)
        if packed:
            return (
                f"{shown(folder)} holds {len(packed)} synsets as they were packed (such as {shown(min(packed))}.tar): "
                f"unpack them with `cd {quoted(folder)} && {UNPACK_SYNSETS}`."
            )
        if split == "val" and any(Path(name).match("ILSVRC2012_val_*.JPEG") for name in content.images):
            return (
                f"{shown(folder)} holds {len(content.images):,} images in no synset folder: sort them with "
                f"`cd {quoted(root)} && {SORT_VALIDATION}`{with_devkit}."
            )
    shards = folder / "shards"
    if (shards / archive).is_file():
        return (
            f"{shown(shards / archive)} is ImageNet as it was packed, and no shard of images: unpack it with "
            f"`cd {quoted(root)} && mv {split}/shards/{archive} . && rmdir {split}/shards && "
            f"tar -xf {archive} -C {split} && {finish}`{with_devkit}."
        )
    if content is None or not content.folders:
        for place in (root, folder):
            if (place / archive).is_file():
                where = archive if place == root else f"{split}/{archive}"
                return (
                    f"{shown(place / archive)} is ImageNet as it was packed: unpack it with `cd {quoted(root)} && "
                    f"mkdir -p {split} && tar -xf {where} -C {split} && {finish}`{with_devkit}."
                )
    return None
