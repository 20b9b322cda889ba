"""JPEG files: libjpeg-turbo decodes, and refuses what it warns of, but for what does not touch the pixels."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

from data import jpeg_entropy
from data.image_errors import ImageContentError
from data.jpeg_structure import (
    ARITHMETIC,
    END,
    HOLE,
    JFIF,
    PROFILE,
    PROGRESSIVE,
    SCAN,
    SEQUENTIAL,
    START,
    Segment,
    coding,
    frame,
    has_hole,
    joined,
    lacks_scans,
    segments,
    without_fill,
)

BASELINE = "save it as baseline JPEG"
UNUSUAL_SAMPLING = "Could not determine subsampling level"


def is_jpeg(content: bytes) -> bool:
    """Whether a file begins as one."""
    return content.startswith(START)


def size(content: bytes) -> tuple[int, int]:
    """Width and height, from the header alone.

    Raises:
        ImageContentError: the header is damaged.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(content)
    except ValueError:  # what it does not like, be it a warning, is said when the image is decoded
        header = frame(segments(content))
        return header.width, header.height
    return width, height


def decode(content: bytes, width: int, height: int) -> np.ndarray:
    """8-bit RGB ``[height, width, 3]``, at the smallest size that is as large as the given one.

    Raises:
        ImageContentError: a part of the data is lost, or may be.
    """
    while True:
        try:
            pixels = simplejpeg.decode_jpeg(
                content, "RGB", strict=True, min_width=width, min_height=height, min_factor=1
            )
            break
        except ValueError as error:
            if UNUSUAL_SAMPLING in str(error):
                content = _read_to_the_end(content)
                with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                    pixels = np.array(image.convert("RGB"))
                break
            content = _repaired(content, str(error))
    _require_whole(content)
    return pixels


def _require_whole(content: bytes) -> None:
    """Refuse the damage that libjpeg does not see."""
    marker, first_scan = coding(content)
    if marker in ARITHMETIC:
        raise ImageContentError("it is coded arithmetically, where nothing tells that data are missing", BASELINE)
    if marker == PROGRESSIVE and lacks_scans(content):
        raise ImageContentError("it is truncated: scans are missing that refine a progressive image")
    if content.find(HOLE, first_scan) >= 0 and has_hole(content):
        raise ImageContentError("a part of its data is zeros")


def _repaired(content: bytes, message: str) -> bytes:
    """The content without what libjpeg warned of first; what comes after a first warning, it keeps to itself.

    Raises:
        ImageContentError: it is no warning, or one of lost data.
    """
    warning = next((warning for warning in WARNINGS if message.startswith(warning.said)), None)
    repaired = warning.repair(content) if warning and warning.repair else content
    if repaired == content:
        raise ImageContentError(_quoted(message) + (f", {warning.why}" if warning else ""))
    return repaired


def _quoted(message: str) -> str:
    return f"libjpeg says '{message}'"


def _read_to_the_end(content: bytes) -> bytes:
    """What libjpeg-turbo's interface cannot open for its sampling, checked here, as Pillow warns of nothing.

    Raises:
        ImageContentError: it is not whole, or of a kind that cannot be checked.
    """
    parts = tuple(segments(content))
    header = frame(parts)
    if header.marker not in SEQUENTIAL:
        raise ImageContentError(
            f"no decoder here checks the data of its kind (process 0x{header.marker:02x}, sampling {header.sampling})",
            BASELINE,
        )
    if bytes([0xFF, END]) not in content:
        raise ImageContentError("it is truncated")
    return joined(jpeg_entropy.without_extra_bytes(parts, header))


def _with_known_revision(content: bytes) -> bytes:
    return _changed(content, JFIF, lambda parameters: parameters[:5] + b"\x01" + parameters[6:])


def _with_sequential_parameters(content: bytes) -> bytes:
    return _changed(content, SCAN, lambda parameters: parameters[:-3] + b"\x00\x3f\x00")


def _changed(content: bytes, marker: int, change: Callable[[bytes], bytes]) -> bytes:
    return joined(
        Segment(part.marker, change(part.parameters), part.data) if part.marker == marker else part
        for part in segments(content)
    )


def _without_profile(content: bytes) -> bytes:
    return joined(part for part in segments(content) if part.marker != PROFILE)


def _without_extra_bytes(content: bytes) -> bytes:
    """Without what belongs to no segment, and without what follows the picture in a scan's data."""
    parts = tuple(segments(content))
    header = frame(parts)
    if header.marker in SEQUENTIAL:
        return joined(jpeg_entropy.without_extra_bytes(parts, header))
    if (between := joined(parts)) != content:
        return between
    *others, last = parts
    return joined([*others, Segment(last.marker, last.parameters, without_fill(last.data))])


@dataclass(frozen=True)
class DecoderWarning:
    """One of libjpeg's.

    Attributes:
        said: how its message begins.
        why: it matters or does not.
        repair: gives the content without the cause; None where data are lost.
    """

    said: str
    why: str
    repair: Callable[[bytes], bytes] | None = None


# All that its decoder has (JWRN in jerror.h); what it calls an error (JERR) is refused always.
WARNINGS = (
    DecoderWarning("Warning: unknown JFIF revision number", "which says nothing of pixels", _with_known_revision),
    DecoderWarning("Corrupt JPEG data: bad ICC marker", "whose profile is not used", _without_profile),
    DecoderWarning(
        "Invalid SOS parameters for sequential JPEG", "which has no choice of them", _with_sequential_parameters
    ),
    DecoderWarning("Unknown Adobe color transform code", "its colours can only be guessed"),
    DecoderWarning("Premature end of JPEG file", "it is truncated"),
    DecoderWarning("Corrupt JPEG data: premature end of data segment", "it is truncated or damaged"),
    DecoderWarning("Corrupt JPEG data: bad Huffman code", "its data are damaged"),
    DecoderWarning("Corrupt JPEG data: bad arithmetic code", "its data are damaged"),
    DecoderWarning("Corrupt JPEG data: found marker", "a part between two restart markers is lost"),
    DecoderWarning("Inconsistent progression sequence", "a scan is missing or damaged"),
    # Only bytes outside of the picture may be too many; inside, they show that blocks are missing.
    DecoderWarning("Corrupt JPEG data: ", "bytes may be missing", _without_extra_bytes),
)
