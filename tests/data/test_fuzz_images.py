"""Whatever stands in an image file, its pixels are as many as it says, or one sentence refuses it."""

import struct
import warnings
import zlib

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from core.errors import InputError
from data import jpeg
from data.images import ImageFile
from tests.support.fuzzing import fuzz
from tests.support.image_files import ARITHMETIC, DAMAGES, jpegs, opened, photograph, saved

SMALL = photograph().resize((40, 30))
RAMP = Image.fromarray((np.arange(1200, dtype=np.uint16) * 50).reshape(30, 40))
LARGEST = 3_000_000  # pixels that an example may decode
FILES = (
    *jpegs().values(),
    ARITHMETIC,
    saved(SMALL, "MPO", save_all=True, append_images=[SMALL]),
    saved(SMALL, "PNG"),
    saved(SMALL.quantize(16), "PNG", transparency=3),
    saved(SMALL.convert("LA"), "PNG"),
    saved(RAMP, "PNG"),
    saved(SMALL.quantize(16), "GIF", transparency=3),
    saved(SMALL, "GIF", save_all=True, append_images=[SMALL.rotate(90)]),
    saved(SMALL, "BMP"),
    saved(SMALL.quantize(16), "BMP"),
    saved(SMALL, "TIFF"),
    saved(RAMP, "TIFF", big_endian=True),
    *(saved(SMALL, "TIFF", compression=f"tiff_{way}") for way in ("lzw", "adobe_deflate")),
    saved(SMALL.convert("1"), "TIFF", compression="group4"),
    saved(SMALL, "TIFF", compression="jpeg"),
    saved(SMALL.convert("RGBA"), "WEBP", lossless=True),
    saved(SMALL, "WEBP", save_all=True, append_images=[SMALL.rotate(90)]),
)


def with_right_sums(content: bytes) -> bytes:
    """A PNG whose chunks are what somebody wrote so, not damaged on the way."""
    position = 8
    while position + 12 <= len(content):
        end = position + 12 + int.from_bytes(content[position : position + 4])
        content = content[: end - 4] + struct.pack(">I", zlib.crc32(content[position + 4 : end - 4])) + content[end:]
        position = end
    return content


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(0, 3))):
        head = min(len(content), draw(st.sampled_from([40, 700, 10**9])))  # headers deserve more than their share
        first = draw(st.sampled_from([0, 4, 8, 8, 8]))  # what shows the format is seldom touched
        place = draw(st.integers(min(first, head), max(first, head - 1)))
        match draw(st.sampled_from([*DAMAGES, "cut", "joined"])):
            case "cut":
                content = content[:place]
            case "joined":
                content = content[:place] + draw(st.sampled_from(FILES))[place:]
            case damage if place < len(content):
                content = DAMAGES[damage](content, place, draw(st.binary(min_size=1, max_size=40)))
    if content.startswith(b"\x89PNG") and draw(st.booleans()):
        content = with_right_sums(content)
    return content


def read(image: ImageFile, reduction: int) -> np.ndarray | str:
    try:
        return image.pixels(reduction)
    except InputError as error:
        return error.sentence


@given(contents(), st.sampled_from([2, 4, 8]))
def check(content: bytes, reduction: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = opened(content)
        except InputError as error:
            assert "a.jpg" in error.sentence and "\n" not in error.sentence
            return
        assume(image.width * image.height < LARGEST)
        whole, reduced = read(image, 1), read(image, reduction)
    if isinstance(whole, str):
        assert reduced == whole and "a.jpg" in whole and "\n" not in whole
        return
    assert not isinstance(reduced, str), reduced
    assert (whole.dtype, whole.shape) == (np.uint8, (image.height, image.width, 3))
    factor = reduction if jpeg.is_jpeg(content) and reduced.shape != whole.shape else 1
    assert reduced.shape == (-(-image.height // factor), -(-image.width // factor), 3)


def test_fuzz_images():
    fuzz(check)
