"""Images of other formats than JPEG, through Pillow, as 8-bit RGB.

One rule for all: the first picture of a file that has several; 16 bits lose their lower 8, as Pillow does for colours;
what is transparent shows white behind it; profiles and orientation (EXIF) are ignored, as the authors' code does.
"""

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, TiffImagePlugin

from data.image_errors import ImageContentError

FORMATS = ("PNG", "GIF", "BMP", "TIFF", "WEBP")
PNG = b"\x89PNG\r\n\x1a\n"
USED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # chunks of the first picture; texts and profiles may be bombs
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "I;16", "I;16B")
BITS = (1, 2, 4, 8, 16)  # a sample
BITS_OF_SAMPLE, WHITE, FORMAT_OF_SAMPLE = 258, 262, 339  # TIFF's tags
CONVERT = "convert it to 8 bits"


def size(content: bytes) -> tuple[int, int]:
    """Width and height, from the header alone.

    Raises:
        PIL.UnidentifiedImageError: it is no image, or none of these formats.
        ImageContentError, OSError, SyntaxError, ValueError, EOFError, UserWarning: it is damaged.
    """
    with _opened(content) as image:
        return image.size


def decode(content: bytes) -> np.ndarray:
    """8-bit RGB ``[height, width, 3]``.

    Raises:
        PIL.UnidentifiedImageError: it is no image, or none of these formats.
        ImageContentError: it is damaged, or its samples have no known range.
        OSError, SyntaxError, ValueError, EOFError, UserWarning: it is damaged, says Pillow.
    """
    with _opened(content) as image:
        _require_range(image)
        image.load()
        if content.startswith(PNG):
            _scale_transparency(image, depth=content[len(PNG) + 16])
        return np.array(_on_white(_with_8_bits(image)))


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The image; what Pillow warns of (damaged tags, too many pixels) is raised."""
    whole = PNG + b"".join(_used_chunks(content)) if content.startswith(PNG) else content
    with warnings.catch_warnings():
        for warning in (UserWarning, Image.DecompressionBombWarning):
            warnings.simplefilter("error", warning)
        with Image.open(io.BytesIO(whole), formats=FORMATS) as image:
            yield image


def _used_chunks(content: bytes) -> Iterator[bytes]:
    """The chunks of a PNG that its picture needs; the sums of all are checked, which Pillow leaves out for the data.

    Raises:
        ImageContentError: one is damaged, or the file is cut.
    """
    position = len(PNG)
    name = b""
    while name != b"IEND":
        length, name = int.from_bytes(content[position : position + 4]), content[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(content):
            raise ImageContentError("it is truncated")
        if zlib.crc32(content[position + 4 : end - 4]) != int.from_bytes(content[end - 4 : end]):
            raise ImageContentError(f"the check sum of its chunk {name!r} is wrong")
        if name in USED:
            yield content[position:end]
        position = end


def _require_range(image: Image.Image) -> None:
    """Refuse samples of which nobody says what is black and what is white."""
    found = image.mode
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        bits, formats = set(tags.get(BITS_OF_SAMPLE, (1,))), set(tags.get(FORMAT_OF_SAMPLE, (1,)))
        inverted = tags.get(WHITE) == 0 and max(bits) == 16  # which Pillow does not turn
        if not bits <= set(BITS) or formats != {1} or inverted:
            raise ImageContentError(
                f"its samples have {max(bits)} bits, format {max(formats)}{', 0 is white' * inverted}; "
                "unsigned ones of up to 8 bits are read, and of 16 where 0 is black",
                CONVERT,
            )
    if found not in MODES:
        raise ImageContentError(f"its pixels are of Pillow's mode {found}; {', '.join(MODES)} are read", CONVERT)


def _scale_transparency(image: Image.Image, depth: int) -> None:
    """Bring the one gray or colour that a PNG may call transparent to the scale that Pillow brought the pixels to."""
    transparent = image.info.get("transparency")
    if transparent is not None and image.mode == "L":
        image.info["transparency"] = transparent * (255 // (2**depth - 1))
    elif transparent is not None and image.mode == "RGB" and depth == 16:
        raise ImageContentError("it has colours of 16 bits of which one is transparent", CONVERT)


def _with_8_bits(image: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits."""
    if not image.mode.startswith("I;16"):
        return image
    gray = np.asarray(image).astype(np.uint16)
    bright = Image.fromarray((gray >> 8).astype(np.uint8))
    if "transparency" in image.info:
        opaque = gray != image.info["transparency"]
        bright.putalpha(Image.fromarray(255 * opaque.astype(np.uint8)))
    return bright


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
