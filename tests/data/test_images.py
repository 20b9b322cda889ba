"""The gate for images: whole ones are read by one rule, damaged ones refused, whatever the format."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from core.errors import InputError
from data.images import PIXELS
from tests.support.image_files import DAMAGES, jpegs, opened, photograph, pixels, refused, saved

WHOLE = jpegs()["baseline"]


# formats


def png(depth: int, colour: int, rows: bytes, width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of raw rows, filters included."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


RAMP = np.tile(np.arange(0, 65536, 256, dtype=np.uint16) + 77, (4, 1))
FRAMES = [photograph(), photograph().rotate(180)]
OTHERS = {
    "PNG": lambda: saved(photograph(), "PNG"),
    "GIF": lambda: saved(photograph(), "GIF"),
    "BMP": lambda: saved(photograph(), "BMP"),
    "TIFF": lambda: saved(photograph(), "TIFF"),
    "TIFF, LZW": lambda: saved(photograph(), "TIFF", compression="tiff_lzw"),
    "WEBP": lambda: saved(photograph(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("form", OTHERS)
def test_other_formats(form):
    content = OTHERS[form]()
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(pixels(content), expected)
    for share in (0, 0.02, 0.3, 0.6, 0.9):
        refused(content[: round(share * len(content))])
    if form != "GIF":  # whose last bytes end no picture
        refused(content[:-3])


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF", "WEBP"])
def test_the_first_of_several_pictures(form):
    options = {"lossless": True} if form == "WEBP" else {}
    content = saved(FRAMES[0], form, save_all=True, append_images=FRAMES[1:], **options)
    assert np.array_equal(pixels(content), pixels(saved(FRAMES[0], form, **options)))


@pytest.mark.parametrize("form", ["PPM", "ICO", "JPEG2000", "EPS"])
def test_formats_that_are_not_read(form):
    refused(saved(photograph(), form), "no image in JPEG, PNG, GIF, BMP, TIFF, WEBP")


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"]
)
def test_what_is_no_image(content):
    refused(content)


@pytest.mark.parametrize(
    "content",
    [
        saved(Image.fromarray(RAMP), "PNG"),
        saved(Image.fromarray(RAMP), "TIFF"),
        saved(Image.fromarray(RAMP), "TIFF", big_endian=True),
        saved(Image.fromarray(RAMP), "TIFF", compression="tiff_lzw"),
        png(16, 2, b"".join(b"\0" + row.astype(">u2").repeat(3).tobytes() for row in RAMP), 256, 4),
        png(16, 4, b"".join(b"\0" + np.insert(r, range(1, 257), 65535).astype(">u2").tobytes() for r in RAMP), 256, 4),
    ],
)
def test_sixteen_bits_lose_their_lower_eight(content):
    assert np.array_equal(pixels(content), np.tile(np.arange(256, dtype=np.uint8)[:, None], (4, 1, 3)))


def tiff(samples: np.ndarray, **tags: int) -> bytes:
    """Gray, without compression, tags as given."""
    height, width = samples.shape
    of = {256: width, 257: height, 258: 8 * samples.itemsize, 259: 1, 262: 1, 273: 0, 277: 1, 278: height}
    of |= {279: samples.nbytes, 339: 1} | {int(name[1:]): value for name, value in tags.items()}
    of[273] = 8 + 2 + 12 * len(of) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(of.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(of)) + entries + bytes(4) + samples.tobytes()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (saved(Image.fromarray(RAMP.astype(np.int32)), "TIFF"), "32 bits"),
        (saved(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "32 bits, format 3"),
        (tiff(RAMP, t262=0), "0 is white"),
        (tiff(RAMP.astype(np.int16), t339=2), "16 bits, format 2"),
        (tiff(np.zeros((4, 4), np.int8), t339=2), "8 bits, format 2"),
        (tiff(np.zeros((4, 4), np.uint16), t258=12), "12 bits"),
        (saved(Image.new("LAB", (4, 4)), "TIFF"), "LAB"),
    ],
)
def test_samples_of_which_nobody_says_what_is_white(content, found):
    refused(content, found, "convert it to 8 bits, or fetch it again")


def test_eight_bits_whose_zero_is_white():
    assert (pixels(tiff(np.zeros((4, 4), np.uint8), t262=0)) == 255).all()


# transparency

HIDDEN, SHOWN = (200, 10, 90), (20, 160, 240)


def half_hidden(alpha: int = 0) -> Image.Image:
    """A row of two pixels, the left one transparent over a colour."""
    image = Image.new("RGBA", (2, 1), (*SHOWN, 255))
    image.putpixel((0, 0), (*HIDDEN, alpha))
    return image


def palette_image() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([*HIDDEN, *SHOWN])
    image.putpixel((1, 0), 1)
    return image


GRAYS = bytes([30, 30, 30]), bytes([170, 170, 170])


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (saved(half_hidden(), "PNG"), SHOWN),
        (saved(half_hidden(), "TIFF"), SHOWN),
        (saved(half_hidden(), "WEBP", lossless=True, exact=True), SHOWN),
        (saved(half_hidden().convert("LA"), "PNG"), (127, 127, 127)),
        (saved(palette_image(), "PNG", transparency=0), SHOWN),
        (saved(palette_image(), "PNG", transparency=b"\x00\xff"), SHOWN),
        (saved(palette_image(), "GIF", transparency=0), SHOWN),
        (png(8, 2, bytes([0, *HIDDEN, *SHOWN]), 2, 1, (b"tRNS", struct.pack(">3H", *HIDDEN))), SHOWN),
        (png(8, 0, bytes([0, 30, 170]), 2, 1, (b"tRNS", struct.pack(">H", 30))), (170,) * 3),
        (png(4, 0, bytes([0, 0x3A]), 2, 1, (b"tRNS", struct.pack(">H", 3))), (170,) * 3),
        (png(2, 0, bytes([0, 0x60]), 2, 1, (b"tRNS", struct.pack(">H", 1))), (170,) * 3),
        (png(1, 0, bytes([0, 0x80]), 2, 1, (b"tRNS", struct.pack(">H", 1))), (0,) * 3),
        (png(16, 0, struct.pack(">B2H", 0, 300, 43521), 2, 1, (b"tRNS", struct.pack(">H", 300))), (170,) * 3),
        (png(16, 6, struct.pack(">B8H", 0, 9, 9, 9, 0, *(257 * c for c in SHOWN), 65535), 2, 1), SHOWN),
    ],
)
def test_white_lies_behind_what_is_transparent(content, shown):
    assert pixels(content).tolist() == [[[255, 255, 255], list(shown)]]


@pytest.mark.parametrize("alpha", [1, 64, 128, 250])
def test_half_transparent_colours_are_mixed_with_white(alpha):
    mixed = np.array(HIDDEN) * alpha / 255 + 255 - alpha
    assert np.abs(pixels(saved(half_hidden(alpha), "PNG"))[0, 0] - mixed).max() <= 1


def test_a_transparent_colour_of_sixteen_bits():
    colour = struct.pack(">3H", 1, 2, 3)
    refused(png(16, 2, b"\0" + 2 * colour, 2, 1, (b"tRNS", colour)), "convert it to 8 bits")


# PNG: what is not read


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
def test_long_texts_and_profiles_are_not_read(name, place):
    large = zlib.compress(bytes(3_000_000))
    body = {
        b"zTXt": b"text\0\0" + large,
        b"iTXt": b"text\0\1\0\0\0" + large,
        b"iCCP": b"name\0\0" + large,
        b"tEXt": b"text\0" + b"a" * 2_000_000,
    }[name]
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    whole = OTHERS["PNG"]()
    at = whole.index(b"IDAT" if place == "before" else b"IEND") - 4
    assert np.array_equal(pixels(whole[:at] + chunk + whole[at:]), pixels(whole))


def test_many_texts_are_not_read():
    texts = PngImagePlugin.PngInfo()
    for number in range(80):
        texts.add_text(str(number), "a" * 900_000, zip=True)
    assert np.array_equal(pixels(saved(photograph(), "PNG", pnginfo=texts)), pixels(OTHERS["PNG"]()))


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_wrong_check_sum(name):
    whole = saved(photograph().quantize(16), "PNG", transparency=3)
    at = whole.index(name) + 6
    refused(DAMAGES["flipped"](whole, at, b"\0"), f"check sum of its chunk {name!r}")


# size


def claiming(form: str, width: int, height: int) -> bytes:
    """A small file whose header says another size."""
    content = WHOLE if form == "JPEG" else OTHERS[form]()
    if form == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]
    if form == "PNG":
        header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
        return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    if form == "GIF":
        return content[:6] + struct.pack("<HH", width, height) + content[10:]
    if form == "BMP":
        return content[:18] + struct.pack("<ii", width, height) + content[26:]
    assert form == "TIFF"
    return tiff(np.zeros((1, 1), np.uint8), t256=width, t257=height)


@pytest.mark.parametrize("side", [9_460, 13_000, 20_000, 60_000])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_too_many_pixels_are_refused_before_they_are_decoded(form, side):
    with pytest.raises(InputError, match=r"its header claims .* 89,478,485 .*: scale it down, or fetch it again\.$"):
        opened(claiming(form, side, side))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_as_many_pixels_as_are_taken(form):
    image = opened(claiming(form, 9_000, PIXELS // 9_000))
    assert (image.width, image.height) == (9_000, PIXELS // 9_000)


def test_a_lack_of_memory_is_a_sentence():
    def without_memory() -> bytes:
        raise MemoryError

    from data.images import ImageFile

    with pytest.raises(InputError, match=r"a\.jpg .* not enough memory"):
        ImageFile.opened(without_memory, Path("a.jpg"), Path("list.txt"))
