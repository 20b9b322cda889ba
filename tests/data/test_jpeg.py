"""JPEG at the gate: what libjpeg says, and what it does not see, decides whether an image is whole."""

import io
import random
import re
from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import InputError
from data import jpeg
from data.images import ImageTable
from data.jpeg_structure import END, HOLE, JFIF, PROFILE, SCAN, Segment, joined, segments
from data.paths import Paths
from data.verification.decoding import decoded_images
from tests.support.image_files import ARITHMETIC, DAMAGES, SAMPLED_4X2, jpegs, photograph, pixels, refused, saved, scans

EOI = bytes([0xFF, END])
KINDS = tuple(jpegs())
WHOLE = jpegs()["baseline"]


def complaint(content: bytes) -> str:
    """What libjpeg says first."""
    try:
        simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError as error:
        return str(error)
    return ""


# what libjpeg warns of


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
    assert {warning.said for warning in jpeg.WARNINGS if warning.repair} == HARMLESS.keys()


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


# extra bytes


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


# damage


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


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_segment_that_claims_less_than_its_length_takes(length):
    content = WHOLE[:2] + b"\xff\xe5" + bytes([0, length]) + WHOLE[2:]
    assert np.array_equal(pixels(content), pixels(WHOLE))


@pytest.mark.parametrize("factors", [0x00, 0x01, 0x10, 0x20, 0x51, 0x15, 0xFF])
@pytest.mark.parametrize("component", range(3))
def test_sampling_factors_that_no_image_has(component, factors):
    content = bytearray(WHOLE)
    content[content.index(b"\xff\xc0") + 11 + 3 * component] = factors
    refused(bytes(content))


# kinds


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


# verification


def test_verification_refuses_what_training_refuses(tmp_path):
    files = {"whole.jpg": WHOLE, "harmless.jpg": HARMLESS["Corrupt JPEG data: "]()}
    files |= {f"{number}.jpg": make() for number, make in enumerate(LOST.values())}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    images = ImageTable(tmp_path, Paths.of(list(files)), np.zeros(len(files), np.int64), 1, tmp_path)
    ((digests, _, broken),) = decoded_images(images, np.arange(len(files)), processes=1)
    assert len(digests) == len(files)
    assert [row for row, _ in broken] == list(range(2, len(files)))
    for row, sentence in broken:
        with pytest.raises(InputError) as error:
            images.decode(row)
        assert error.value.sentence == sentence
