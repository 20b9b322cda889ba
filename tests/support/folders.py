"""What stands in data folders beside the data: strangers that are ignored everywhere."""

from pathlib import Path

HIDDEN = (".ipynb_checkpoints/", ".snapshot/", ".AppleDouble/", ".DS_Store", "._n01440764", "._x.JPEG", "._a.tar")
OF_SYSTEMS = ("lost+found/", "@eaDir/", "__MACOSX/", "$RECYCLE.BIN/", "#recycle/", "Thumbs.db", "desktop.ini")
OTHER_FILES = ("README.md", "checksums.md5", "x.JPEG.part", "wordnet.is_a")
STRANGERS = (*HIDDEN, *OF_SYSTEMS, *OTHER_FILES)


def put(folder: Path, name: str) -> None:
    """A stranger, with content that a careless reader would take for images; a name that ends in / is a folder's."""
    path = folder / name
    if not name.endswith("/"):
        path.write_bytes(b"\0\5\x16\7 no image")
        return
    path.mkdir(exist_ok=True)
    for inner in ("x.JPEG", "aeroplane_trainval.txt", "x.tar"):
        (path / inner).write_bytes(b"\0\5\x16\7 no image")
