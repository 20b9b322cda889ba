"""The gate for images: whole ones are read by one rule, damaged ones refused, whatever the format."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from core.errors import InputError
from data import jpeg
from data.images import PIXELS, ImageTable
from data.jpeg_structure import END, HOLE, JFIF, PROFILE, SCAN, Segment, joined, segments
from data.paths import Paths
from data.verification.decoding import broken_images
from tests.image_files import ARITHMETIC, DAMAGES, SAMPLED_4X2, jpegs, opened, photograph, pixels, saved, scans

EOI = bytes([0xFF, END])
KINDS = tuple(jpegs())
WHOLE = jpegs()["baseline"]


def refused(content: bytes, *parts: str, reduction: float = 1) -> None:
    with pytest.raises(InputError) as error:
        pixels(content, reduction)
    sentence = error.value.sentence
    assert all(part in sentence for part in ("a.jpg", "list.txt", *parts)), sentence
    assert sentence.endswith(".") and "\n" not in sentence


def complaint(content: bytes) -> str:
    """What libjpeg says first."""
    try:
        simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError as error:
        return str(error)
    return ""


# JPEG: what libjpeg warns of


def with_segment(content: bytes, marker: int, parameters: bytes, without: tuple[int, ...] = ()) -> bytes:
    kept = [part for part in segments(content) if part.marker not in without]
    return joined([Segment(marker, parameters), *kept])


def without_scan(number: int) -> bytes:
    parts = list(segments(jpegs()["progressive"]))
    places = [place for place, part in enumerate(parts) if part.marker == SCAN]
    del parts[places[number]]
    return joined(parts)


def with_scan_parameters(content: bytes, parameters: bytes) -> bytes:
    return joined(
        part._replace(parameters=part.parameters[:-3] + parameters) if part.marker == SCAN else part
        for part in segments(content)
    )


def damaged_arithmetic() -> bytes:
    """Found by chance: the code at this place gives a coefficient past the 64th."""
    return ARITHMETIC[:204] + b"\xc0" + ARITHMETIC[205:]


START_OF_DATA, END_OF_DATA = scans(WHOLE)[-1]
RESTARTS = jpegs()["restarts"]
THIRD_RESTART = RESTARTS.index(b"\xff\xd2", scans(RESTARTS)[0][0])

HARMLESS: dict[str, Callable[[], bytes]] = {
    "Warning: unknown JFIF revision number": lambda: with_segment(
        WHOLE, JFIF, b"JFIF\0\x07\x01\0\0\x01\0\x01\0\0", without=(JFIF,)
    ),
    "Corrupt JPEG data: bad ICC marker": lambda: with_segment(WHOLE, PROFILE, b"ICC_PROFILE\0\x02\x01a profile"),
    "Invalid SOS parameters for sequential JPEG": lambda: with_scan_parameters(WHOLE, bytes(3)),
    "Corrupt JPEG data: ": lambda: WHOLE[:2] + b"more bytes" + WHOLE[2:],
}
LOST: dict[str, Callable[[], bytes]] = {
    "Unknown Adobe color transform code": lambda: with_segment(
        WHOLE, 0xEE, b"Adobe\0\x64\0\0\0\0\x07", without=(JFIF,)
    ),
    "Premature end of JPEG file": lambda: WHOLE[: (START_OF_DATA + END_OF_DATA) // 2],
    "Corrupt JPEG data: premature end of data segment": lambda: WHOLE[: (START_OF_DATA + END_OF_DATA) // 2] + EOI,
    "Corrupt JPEG data: bad Huffman code": lambda: WHOLE[: START_OF_DATA + 40] + b"\xff\0" * 4 + WHOLE[-2000:],
    "Corrupt JPEG data: bad arithmetic code": damaged_arithmetic,
    "Corrupt JPEG data: found marker": lambda: RESTARTS[:THIRD_RESTART] + b"\xff\xd5" + RESTARTS[THIRD_RESTART + 2 :],
    "Inconsistent progression sequence": lambda: without_scan(5),
    "Corrupt JPEG data: ": lambda: WHOLE[: START_OF_DATA + 150] + WHOLE[START_OF_DATA + 50 :],
}


def test_every_warning_has_its_file():
    said = [warning.said for warning in jpeg.WARNINGS]
    assert len(said) == len(set(said)) and set(said) == HARMLESS.keys() | LOST.keys()
    assert {warning.said for warning in jpeg.WARNINGS if warning.settle} == HARMLESS.keys()


@pytest.mark.parametrize("said", HARMLESS)
def test_a_harmless_warning_changes_no_pixel(said):
    content = HARMLESS[said]()
    assert complaint(content).startswith(said)
    assert np.array_equal(pixels(content), pixels(WHOLE))
    assert np.array_equal(pixels(content, 2), pixels(WHOLE, 2))


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("said", LOST)
def test_a_warning_of_lost_data_refuses_the_image(said, reduction):
    content = LOST[said]()
    assert complaint(content).startswith(said)
    if said == "Corrupt JPEG data: ":
        assert "extraneous bytes before marker 0xd9" in complaint(content)
        said = "bytes are left over in its data, which may be a part of the picture"
    refused(content, said, reduction=reduction)


@pytest.mark.parametrize("said", HARMLESS)
def test_a_harmless_warning_hides_no_damage(said):
    """libjpeg keeps the second warning to itself."""
    whole = HARMLESS[said]()
    content = whole[: len(whole) * 2 // 3] + EOI
    assert complaint(content).startswith(said)
    refused(content, "damaged")


# JPEG: extra bytes


@pytest.mark.parametrize("extra", [bytes(9), b"\x01" * 300, b"more bytes than there should be", bytes(range(1, 60))])
@pytest.mark.parametrize("kind", KINDS)
def test_extra_bytes_before_any_marker(kind, extra):
    whole = jpegs()[kind]
    for place in [len(whole) - 2, *(whole.index(bytes([0xFF, part.marker])) for part in segments(whole))]:
        content = whole[:place] + extra + whole[place:]
        if place == len(whole) - 2 and kind == "progressive" and len(set(extra)) > 1:
            refused(content, "may be a part of the picture")  # only filling can be told from it there
        else:
            assert np.array_equal(pixels(content), pixels(whole)), place


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_0xff_may_stand_before_a_marker(kind):
    whole = jpegs()[kind]
    filled = re.sub(rb"\xff[^\x00\xff]", lambda marker: b"\xff" * 9 + marker[0], whole[2:])
    assert np.array_equal(pixels(whole[:2] + filled), pixels(whole))
    assert np.array_equal(pixels(whole[:2] + b"more bytes" + filled), pixels(whole))


@pytest.mark.parametrize("kind", ["baseline", "gray", "optimised", "CMYK"])
@settings(max_examples=15, deadline=None, database=None)
@given(extra=st.binary(min_size=1, max_size=100).filter(lambda extra: 0xFF not in extra))
def test_extra_bytes_never_change_a_pixel(kind, extra):
    whole = jpegs()[kind]
    try:
        found = pixels(whole[:-2] + extra + EOI)
    except InputError as error:
        assert "may be a part of the picture" in error.sentence  # as they end like one
    else:
        assert np.array_equal(found, pixels(whole))


@pytest.mark.parametrize("trailing", [b"\0" * 60, b"a second picture", WHOLE])
def test_what_follows_the_end_is_not_read(trailing):
    assert np.array_equal(pixels(WHOLE + trailing), pixels(WHOLE))


# JPEG: damage


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_with_an_end_marker_is_refused(kind, reduction):
    whole = jpegs()[kind]
    (first, _), (_, last) = scans(whole)[0], scans(whole)[-1]
    for share in (0, 0.02, 0.5, 0.95):
        cut = first + round(share * (last - first))
        refused(whole[:cut] + EOI, reduction=reduction)
        if last - cut > 200:
            refused(whole[:cut] + bytes(last - cut) + EOI, reduction=reduction)
    refused(whole[:-2], "truncated", reduction=reduction)


@pytest.mark.parametrize("scan", range(1, 9))
def test_a_progressive_image_without_its_last_scans(scan):
    whole = jpegs()["progressive"]
    content = whole[: scans(whole)[scan - 1][1]] + EOI
    assert complaint(content) == ""
    refused(content, "truncated", "scans are missing")


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_zeros_within_the_data(kind):
    whole = jpegs()[kind]
    first, last = max(scans(whole), key=lambda scan: scan[1] - scan[0])
    for share in (0.1, 0.2, 0.3):
        at = first + round(share * (last - first))
        refused(DAMAGES["overwritten"](whole, at, bytes(min(100, last - at))))


@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_surface_may_be_all_zeros(mode, progressive):
    content = saved(Image.new(mode, (1000, 1000), "white"), "JPEG", optimize=True, progressive=progressive)
    assert HOLE in content
    assert (pixels(content) == 255).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, database=None)
@given(damage=st.sampled_from(sorted(DAMAGES)), seed=st.integers(0, 2**32))
def test_what_libjpeg_reports_as_lost_is_never_accepted(kind, damage, seed):
    whole, rng = jpegs()[kind], random.Random(seed)
    first, last = scans(whole)[0][0], scans(whole)[-1][1]
    content = DAMAGES[damage](whole, rng.randrange(first, last - 64), rng.randbytes(64))
    said = complaint(content)
    try:
        found = pixels(content)
    except InputError:
        return
    assert kind == "sampled 4x2" or not said or np.array_equal(found, pixels(whole)), said
    assert found.shape == pixels(whole).shape


def test_bytes_inserted_into_the_picture_are_no_extra_bytes():
    """The most frequent sign of damage: the picture is full before its data end."""
    rng = random.Random(0)
    seen = 0
    for whole in (jpegs()[kind] for kind in ("baseline", "optimised", "gray", "CMYK", "progressive")):
        first, last = scans(whole)[0][0], scans(whole)[-1][1]
        for _ in range(25):
            content = DAMAGES["inserted"](whole, rng.randrange(first, last - 200), rng.randbytes(64))
            if "extraneous bytes before marker 0xd9" in complaint(content):
                refused(content)
                seen += 1
    assert seen > 30


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_a_side(kind):
    whole = jpegs()[kind]
    at = re.search(rb"\xff[\xc0\xc2]", whole).start() + 5
    for height_and_width in (bytes(4), b"\0\0\1\0", b"\1\0\0\0"):
        content = whole[:at] + height_and_width + whole[at + 4 :]
        refused(content)
        refused(content[:2] + b"more bytes" + content[2:])


# JPEG: kinds


def test_arithmetic_coding_has_no_sign_of_missing_data():
    assert complaint(ARITHMETIC) == complaint(ARITHMETIC[:250] + EOI) == ""
    refused(ARITHMETIC, "coded arithmetically", "save it as baseline JPEG")


def test_sampling_that_libjpeg_turbo_has_no_name_for():
    expected = np.asarray(Image.open(io.BytesIO(SAMPLED_4X2)).convert("RGB"))
    assert "subsampling" in complaint(SAMPLED_4X2)
    assert np.array_equal(pixels(SAMPLED_4X2), expected)
    assert np.array_equal(pixels(SAMPLED_4X2[:-2] + b"extra" + EOI), expected)


def test_data_that_no_decoder_here_checks():
    refused(SAMPLED_4X2.replace(b"\xff\xc0", b"\xff\xc2", 1), "0xc2", "(4, 2)", "save it as baseline JPEG")


def test_a_camera_s_two_pictures_in_one_file():
    second = photograph().rotate(180)
    content = saved(photograph(), "MPO", save_all=True, append_images=[second])
    assert content.count(b"\xff\xd8\xff") == 2
    assert np.array_equal(pixels(content), pixels(WHOLE))
    first_end = content.index(EOI)
    refused(content[: first_end - 1000] + content[first_end:])


def test_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert np.array_equal(pixels(saved(photograph(), "JPEG", exif=exif)), pixels(WHOLE))


# other formats


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
    refused(DAMAGES["flipped"](whole, at, b"\0"), f"check sum of its {name.decode()} chunk")


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


# everywhere


def test_verification_refuses_what_training_refuses(tmp_path):
    files = {"whole.jpg": WHOLE, "harmless.jpg": HARMLESS["Corrupt JPEG data: "]()}
    files |= {f"{number}.jpg": make() for number, make in enumerate(LOST.values())}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    images = ImageTable(tmp_path, Paths.of(list(files)), np.zeros(len(files), np.int64), 1, tmp_path)
    ((done, broken),) = broken_images(images, np.arange(len(files)), processes=1)
    assert done == len(files)
    assert [row for row, _ in broken] == list(range(2, len(files)))
    for row, sentence in broken:
        with pytest.raises(InputError) as error:
            images.decode(row)
        assert error.value.sentence == sentence
