"""Where the picture ends in the data of a sequential, Huffman-coded JPEG scan (ITU-T T.81, annex F).

libjpeg says that bytes are left over, not whether they are filling or a part of the picture that it lost its way in:
one bit wrong, and blocks go missing in the middle. Two things tell. An encoder fills the last byte of the picture with
ones; and where blocks are left over, the bytes go on to be blocks up to their very end, with ones again. And what holds
0xFF 0x00, as only data do, is no filling.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle

from data.image_errors import ImageContentError
from data.jpeg_structure import RESTART_INTERVAL, SCAN, TABLES, Frame, Segment, huffman_tables

RESTART = re.compile(rb"\xff[\xd0-\xd7]")
STUFFED = b"\xff\x00"  # stands for 0xFF in data
BLOCK = 64  # coefficients
LONGEST = 16  # bits of a code
DAMAGED = "its data are damaged"

Codes = list[tuple[int, int] | None]  # for the next 16 bits: how many are the code, and what it stands for


@dataclass(frozen=True)
class Bits:
    """Data of one restart interval, as a decoder sees them, with ones after the end."""

    padded: bytes
    length: int  # bits

    @classmethod
    def of(cls, data: bytes) -> "Bits":
        """From a file's bytes."""
        plain = data.replace(STUFFED, b"\xff")
        return cls(plain + b"\xff" * 4, 8 * len(plain))

    def ahead(self, position: int) -> int:
        """The next 16."""
        first = position >> 3
        return int.from_bytes(self.padded[first : first + 3]) >> (8 - (position & 7)) & 0xFFFF

    def filled(self, position: int) -> bool:
        """Whether ones alone fill the rest of the byte."""
        rest = -position & 7
        return self.ahead(position) >> (LONGEST - rest) == (1 << rest) - 1


def without_extra_bytes(parts: Sequence[Segment], header: Frame) -> Iterator[Segment]:
    """The segments, each scan without what follows its picture.

    Raises:
        ImageContentError: a scan is not whole, or what follows may be a part of the picture.
    """
    tables: dict[int, Codes] = {}
    interval = 0
    for part in parts:
        if part.marker == TABLES:
            tables |= _tables(part.parameters)
        elif part.marker == RESTART_INTERVAL:
            interval = int.from_bytes(part.parameters)
        elif part.marker == SCAN:
            units, unit = _units(part.parameters, header, tables)
            part = Segment(SCAN, part.parameters, _picture(part.data, units, unit, interval or units))
        yield part


def _tables(parameters: bytes) -> dict[int, Codes]:
    """By class and number, as one byte."""
    tables = {}
    for number, counts, values in huffman_tables(parameters):
        codes: Codes = []
        lengths = [length for length, count in enumerate(counts, start=1) for _ in range(count)]
        for length, value in zip(lengths, values, strict=False):
            codes += [(length, value)] * (1 << (LONGEST - length))
        tables[number] = codes + [None] * ((1 << LONGEST) - len(codes))
    return tables


def _units(parameters: bytes, header: Frame, tables: dict[int, Codes]) -> tuple[int, list[tuple[Codes, Codes]]]:
    """How many units of coding (MCU) a scan has, and the two tables of every block of one."""
    chosen = list(zip(parameters[1:-3:2], parameters[2:-3:2], strict=False))
    widest, highest = (max(factors) for factors in zip(*header.sampling.values(), strict=True))
    try:
        blocks = [
            (header.sampling[component], (tables[table >> 4], tables[0x10 | table & 15])) for component, table in chosen
        ]
    except KeyError:
        raise ImageContentError("a scan names a component or a table that is not there") from None
    if len(blocks) == 1:  # its blocks alone, in rows
        ((across, down), pair), *_ = blocks
        columns, rows = -(-header.width * across // widest), -(-header.height * down // highest)
        return -(-columns // 8) * -(-rows // 8), [pair]
    units = -(-header.width // (8 * widest)) * -(-header.height // (8 * highest))
    return units, [pair for (across, down), pair in blocks for _ in range(across * down)]


def _picture(data: bytes, units: int, unit: list[tuple[Codes, Codes]], interval: int) -> bytes:
    """The data without what follows the picture."""
    restarts = list(RESTART.finditer(data))
    if [restart[0][-1] & 7 for restart in restarts] != [number % 8 for number in range(-(-units // interval) - 1)]:
        raise ImageContentError("its restart markers are not those of its size")
    starts = [0, *(restart.end() for restart in restarts)]
    stops = [*(restart.start() for restart in restarts), len(data)]
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        coded = data[start:stop].rstrip(b"\xff")
        bits = Bits.of(coded)
        position = 0
        for _ in range(min(interval, units - number * interval)):
            position = _after(bits, position, unit)
        picture = bits.padded[: -(-position // 8)].replace(b"\xff", STUFFED)
        extra = coded[len(picture) :]
        between = stop < len(data)
        if extra and (between or STUFFED in extra or not bits.filled(position) or _goes_on(bits, position, unit)):
            raise ImageContentError(f"{len(extra)} bytes are left over in its data, which may be a part of the picture")
    return data[:start] + picture


def _goes_on(bits: Bits, position: int, unit: list[tuple[Codes, Codes]]) -> bool:
    """Whether the data after the picture are blocks to the very end."""
    with suppress(ImageContentError):
        for block in cycle(unit):
            position = _after(bits, position, [block])
            if bits.length - position < 8 and bits.filled(position):
                return True
    return False


def _after(bits: Bits, position: int, blocks: list[tuple[Codes, Codes]]) -> int:
    """The position after some blocks.

    Raises:
        ImageContentError: there are none such.
    """
    for first, others in blocks:
        coefficient, codes = 0, first
        while coefficient < BLOCK:
            code = codes[bits.ahead(position)] if position < bits.length else None
            if code is None:
                raise ImageContentError(DAMAGED)
            length, value = code
            zeros, size = (value >> 4, value & 15) if coefficient else (0, value)
            position += length + size
            if coefficient and not size and zeros < 15:  # the rest of the block is zero
                break
            coefficient += zeros + 1
            codes = others
        if coefficient > BLOCK or position > bits.length:
            raise ImageContentError(DAMAGED)
    return position
