"""The segments that a JPEG file consists of (ITU-T T.81, annex B), read and written without decoding an image."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from data.image_errors import ImageContentError

START = b"\xff\xd8"
END = 0xD9
SCAN, TABLES, RESTART_INTERVAL = 0xDA, 0xC4, 0xDD  # SOS, DHT, DRI
JFIF, PROFILE = 0xE0, 0xE2  # APP0, APP2
FRAMES = frozenset(range(0xC0, 0xD0)) - {TABLES, 0xC8, 0xCC}  # SOF
SEQUENTIAL = frozenset({0xC0, 0xC1})  # with Huffman codes
PROGRESSIVE = 0xC2
ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
WITHOUT_PARAMETERS = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM, RST

MARKER = re.compile(rb"\xff([^\x00\xff])")
DATA_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # within a scan, 0xFF 0x00 stands for 0xFF
FILL = 4  # bytes of one value, at least, that are taken for filling where a decoder is left with them
HOLE = bytes(96)
NOTHING = frozenset(range(0, 0xF0, 0x10))  # the rest of this block, and of some more, is zero (EOB)
SAMPLING_FACTORS = range(1, 5)  # all that the standard allows


class Segment(NamedTuple):
    """A marker and what belongs to it.

    Attributes:
        marker: its second byte.
        parameters: without their length.
        data: entropy-coded, after the parameters of a scan; empty for others.
    """

    marker: int
    parameters: bytes
    data: bytes = b""


@dataclass(frozen=True)
class Frame:
    """What a frame's header says.

    Attributes:
        marker: says how the image is coded.
        width, height: in pixels.
        sampling: of each component, by its number: how often it occurs across and down a unit of coding.
    """

    marker: int
    width: int
    height: int
    sampling: dict[int, tuple[int, int]]


def segments(content: bytes) -> Iterator[Segment]:
    """All up to the end of the (first) image; bytes between them, which belong to none, are passed over."""
    for marker, first, stop in _places(content):
        data = b""
        if marker == SCAN:
            end = DATA_END.search(content, stop)
            data = content[stop : end.start() if end else None].rstrip(b"\xff")  # which may fill up before a marker
        yield Segment(marker, content[first:stop], data)


def _places(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, beginning and end of the parameters of every segment."""
    position = len(START)
    while (found := MARKER.search(content, position)) and (marker := found[1][0]) != END:
        position = found.end()
        if marker not in WITHOUT_PARAMETERS:
            first, position = position + 2, position + max(2, int.from_bytes(content[position : position + 2]))
            yield marker, first, position


def joined(parts: Iterable[Segment]) -> bytes:
    """A file of these segments."""
    written = [
        bytes([0xFF, part.marker]) + (len(part.parameters) + 2).to_bytes(2) + part.parameters + part.data
        for part in parts
    ]
    return START + b"".join(written) + bytes([0xFF, END])


def frame(parts: Iterable[Segment]) -> Frame:
    """The header of the image's frame.

    Raises:
        ImageContentError: there is none, or it is cut.
    """
    for part in parts:
        if part.marker in FRAMES:
            header = part.parameters
            components = [header[first : first + 3] for first in range(6, len(header), 3)]
            if len(header) < 9 or len(components[-1]) < 3:
                break
            sampling = {number: (factors >> 4, factors & 15) for number, factors, _ in components}
            if not all(factor in SAMPLING_FACTORS for factors in sampling.values() for factor in factors):
                break
            if not any(header[1:3]) or not any(header[3:5]):
                break
            return Frame(part.marker, int.from_bytes(header[3:5]), int.from_bytes(header[1:3]), sampling)
    raise ImageContentError("its header is damaged")


def coding(content: bytes) -> tuple[int, int]:
    """The frame's marker and where the first scan begins, of a file that could be decoded."""
    found, position = 0, len(START)
    while (marker := content[position + 1]) != SCAN:
        if marker == 0xFF:  # which fills up
            position += 1
        elif marker in WITHOUT_PARAMETERS:
            position += 2
        else:
            if marker in FRAMES:
                found = marker
            position += 2 + max(2, content[position + 2] << 8 | content[position + 3])
    return found, position


def lacks_scans(content: bytes) -> bool:
    """Whether a progressive image ends before the last bit of every coefficient was sent; libjpeg does not mind."""
    missing: dict[int, list[int]] = {}  # by component, the bits that each of the 64 coefficients lacks
    for marker, start, stop in _places(content):
        if marker == PROGRESSIVE:
            missing = {number: [1] * 64 for number in content[start + 6 : stop : 3]}
        elif marker == SCAN:
            *components, first, last, bits = content[start + 1 : stop]
            for number in components[::2]:
                missing[number][first : last + 1] = [bits & 15] * (last + 1 - first)
    return any(any(lacking) for lacking in missing.values())


def has_hole(content: bytes) -> bool:
    """Whether a run of zeros lies in a scan that no encoder would have written; to libjpeg they are codes like others.

    Zeros are right where they mean that nothing changes from block to block, as in a plain surface.
    """
    of_zeros: dict[int, int] = {}  # by table, what its code of zeros alone stands for
    progressive = False
    for part in segments(content):
        progressive |= part.marker == PROGRESSIVE
        if part.marker == TABLES:
            of_zeros |= {number: values[0] for number, _, values in huffman_tables(part.parameters)}
        elif part.marker == SCAN and HOLE in part.data:
            *components, first, _, bits = part.parameters[1:]
            refines = progressive and bits >> 4
            if first == 0 and not refines and any(of_zeros.get(table >> 4, 0) for table in components[1::2]):
                return True
            ends = first or not progressive
            if ends and any(of_zeros.get(0x10 | table & 15, 0) not in NOTHING for table in components[1::2]):
                return True
    return False


def huffman_tables(parameters: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Class and number (as one byte), how many codes there are of 1 to 16 bits, and what they stand for in order."""
    while len(parameters) > 17:
        stop = 17 + sum(parameters[1:17])
        yield parameters[0], parameters[1:17], parameters[17:stop]
        parameters = parameters[stop:]


def without_fill(data: bytes) -> bytes:
    """A scan's data without the bytes of one value at its end.

    Raises:
        ImageContentError: there are none, or too few to be told from a picture's.
    """
    whole = data.rstrip(data[-1:])
    if len(data) - len(whole) < FILL:
        raise ImageContentError("bytes are left over after its last scan, which may be a part of the picture")
    return whole
