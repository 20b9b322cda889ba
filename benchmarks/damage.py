"""How much damage to a JPEG file goes unnoticed: files have no check sums, and what still decodes as a picture is one.

``python -m benchmarks.damage [JPEG ...]`` (a minute) damages photographs, encoded in two ways, and the files given, at
random places, each in four ways, and prints how often a reader takes what it then decodes although it can be seen: a
pixel differs by more than 8 of 255 gray levels. The references are Pillow, and libjpeg-turbo with Pillow for what it
refuses.
"""

import io
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image
from tabulate import tabulate

from core.errors import InputError
from data.images import ImageFile
from data.miniature.sources import photographs

SIZE, QUALITY = (320, 240), 85
DAMAGES, BYTES = 500, 64  # of each kind; in one of them, but for flipped bits
VISIBLE = 8  # gray levels

Reader = Callable[[bytes], np.ndarray]
Damage = Callable[[bytes, random.Random], bytes]


def main(files: Sequence[str] = ()) -> int:
    """Gives the exit status."""
    encoded = {
        "baseline": [_encoded(photograph, progressive=False) for photograph in photographs()],
        "progressive": [_encoded(photograph, progressive=True) for photograph in photographs()],
    }
    if files:
        encoded["files given"] = [Path(file).read_bytes() for file in files]
    rows = [row for name, contents in encoded.items() for row in _rows(name, contents)]
    print(f"{DAMAGES} damages of each kind, at random places: accepted although it can be seen\n")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    return 0


def _encoded(photograph: Image.Image, progressive: bool) -> bytes:
    file = io.BytesIO()
    photograph.resize(SIZE).save(file, "JPEG", quality=QUALITY, progressive=progressive)
    return file.getvalue()


def _rows(name: str, contents: list[bytes]) -> list[dict[str, str]]:
    rng = random.Random(0)
    truths = [read_by_the_gate(content) for content in contents]
    rows, total = [], Counter[str]()
    for kind, damaged in KINDS.items():
        unnoticed = Counter[str]()
        for number in range(DAMAGES):
            content = damaged(contents[number % len(contents)], rng)
            truth = truths[number % len(contents)]
            unnoticed.update(reader for reader, read in READERS.items() if _is_visible(content, read, truth))
        rows.append(_row(name, kind, unnoticed, DAMAGES))
        total += unnoticed
    return [*rows, _row(name, "all", total, DAMAGES * len(KINDS))]


def _row(name: str, kind: str, unnoticed: Counter[str], damages: int) -> dict[str, str]:
    return {"JPEG": name, "damage": kind} | {reader: f"{unnoticed[reader] / damages:.1%}" for reader in READERS}


def _is_visible(content: bytes, read: Reader, truth: np.ndarray) -> bool:
    """Whether the reader takes it, and shows another picture."""
    try:
        pixels = read(content)
    except (InputError, OSError, SyntaxError, ValueError, Image.DecompressionBombError, MemoryError):
        return False
    return pixels.shape != truth.shape or bool(np.abs(pixels.astype(int) - truth).max() > VISIBLE)


def _overwritten(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) - BYTES)
    return content[:at] + rng.randbytes(BYTES) + content[at + BYTES :]


def _removed(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) - BYTES)
    return content[:at] + content[at + BYTES :]


def _inserted(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + rng.randbytes(BYTES) + content[at:]


def _zeroed(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) - 2 * BYTES)
    return content[:at] + bytes(2 * BYTES) + content[at + 2 * BYTES :]


def _flipped(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def read_by_the_gate(content: bytes) -> np.ndarray:
    """As training reads images."""
    return ImageFile.opened(lambda: content, Path("image"), Path("list")).pixels()


def read_by_pillow(content: bytes) -> np.ndarray:
    """As the authors' code reads them."""
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGB"))


def read_by_either(content: bytes) -> np.ndarray:
    """By libjpeg-turbo, or by Pillow where that refuses."""
    try:
        return simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError:
        return read_by_pillow(content)


KINDS: dict[str, Damage] = {
    f"{BYTES} bytes overwritten": _overwritten,
    f"{BYTES} bytes removed": _removed,
    f"{BYTES} bytes inserted": _inserted,
    f"{2 * BYTES} bytes zero": _zeroed,
    "one bit flipped": _flipped,
}
READERS: dict[str, Reader] = {
    "Pillow": read_by_pillow,
    "libjpeg-turbo, then Pillow": read_by_either,
    "ours": read_by_the_gate,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
