"""Lists of images: one ``relative/path label`` line for each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import written_atomically
from data.paths import Paths

LINES_AT_ONCE = 1 << 19
BYTES_AT_ONCE = 1 << 26
LONGEST_LABEL = 18  # digits that fit into 64 bits
NEWLINE = ord("\n")
IS_SPACE = np.isin(np.arange(256), np.frombuffer(b" \t\r\n\v\f", dtype=np.uint8))
IS_DIGIT = np.isin(np.arange(256), np.frombuffer(b"0123456789", dtype=np.uint8))


def read_list(path: Path, classes: int) -> tuple[Paths, np.ndarray]:
    """Relative paths and labels of a list of ``relative/path label`` lines.

    Raises:
        InputError: the list is missing or empty, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    return read_lists([path], classes)


def read_lists(files: Sequence[Path], classes: int) -> tuple[Paths, np.ndarray]:
    """Relative paths and labels of several lists, one after the other.

    What is kept is the text of the lists as it was read, and three numbers for each line; nothing is copied.

    Raises:
        InputError: as :func:`read_list`.
    """
    content, bounds = _text_of(files)
    lines = _newlines(content)
    starts, ends, labels = (np.empty(len(lines), dtype=np.int64) for _ in range(3))
    counts = np.searchsorted(lines, bounds[1:]) - np.searchsorted(lines, bounds[:-1])
    for first in range(0, len(lines), LINES_AT_ONCE):
        part = slice(first, first + LINES_AT_ONCE)
        stops = lines[part]
        starts[part] = np.concatenate([[lines[first - 1] + 1 if first else 0], stops[:-1] + 1])
        ends[part], labels[part] = _fields(content, starts[part], stops)
    for file, first, count in zip(files, np.cumsum(counts) - counts, counts, strict=True):
        part = slice(first, first + count)
        malformed = np.flatnonzero(labels[part] < 0)
        if malformed.size:
            row = first + malformed[0]
            line = content[starts[row] : lines[row]].tobytes().decode(errors="replace").rstrip("\r")
            raise InputError(f"{file}, line {malformed[0] + 1}: found {line!r}, expected 'relative/path label'.")
        if not count:
            raise InputError(f"The list {file} is empty: expected one 'relative/path label' line for each image.")
        outside = np.flatnonzero(labels[part] >= classes)
        if outside.size:
            raise InputError(
                f"{file}, line {outside[0] + 1}: label {labels[first + outside[0]]} lies outside [0, {classes}): "
                "correct the list, or the number of classes in the profile."
            )
    return Paths(content, starts, ends), labels


def write_list(path: Path, names: Paths, labels: np.ndarray) -> None:
    """Write a list that :func:`read_list` reads, atomically."""
    with written_atomically(path) as file:
        file.writelines(b"%s %d\n" % line for line in zip(names, labels.tolist(), strict=True))


def _text_of(files: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The text of all files ``[bytes]``, whole lines all of it, and the positions where each file's begins and ends."""
    try:
        sizes = [file.stat().st_size for file in files]
        content = np.full(sum(sizes) + len(files), NEWLINE, dtype=np.uint8)
        bounds = [0]
        for file, size in zip(files, sizes, strict=True):
            end = bounds[-1] + size
            with open(file, "rb") as opened:
                opened.readinto(content.data[bounds[-1] : end])
            is_whole = not size or content[end - 1] == NEWLINE
            bounds.append(end if is_whole else end + 1)
    except OSError as error:
        raise InputError(
            f"The list {error.filename} cannot be read: name the right folder in the profile, or restore the list."
        ) from None
    return content[: bounds[-1]], np.array(bounds)


def _newlines(content: np.ndarray) -> np.ndarray:
    """The positions of all line ends; the mask of a whole list is never in memory."""
    parts = [
        first + np.flatnonzero(content[first : first + BYTES_AT_ONCE] == NEWLINE)
        for first in range(0, len(content), BYTES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _fields(content: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the path of each line ends, and its label: -1 for a line that is none. From the lines' ends, all at once.

    Args:
        content: the text.
        starts: ``[n]`` positions of the first character of each line.
        stops: ``[n]`` positions after the last.
    """

    def preceded_by(kind: np.ndarray, positions: np.ndarray) -> np.ndarray:
        return (positions > starts) & kind[content[positions - 1]]

    def before_space(positions: np.ndarray) -> np.ndarray:
        while (moves := preceded_by(IS_SPACE, positions)).any():
            positions = positions - moves
        return positions

    after_label = before_space(stops)
    before_label, labels, weight = after_label, np.zeros(len(starts), dtype=np.int64), 1
    for _ in range(LONGEST_LABEL):
        moves = preceded_by(IS_DIGIT, before_label)
        if not moves.any():
            break
        before_label = before_label - moves
        labels += np.where(moves, content[before_label] - np.int64(ord("0")), 0) * weight
        weight *= 10
    ends = before_space(before_label)
    is_field = (before_label < after_label) & (ends < before_label) & (ends > starts)
    return ends, np.where(is_field, labels, -1)
