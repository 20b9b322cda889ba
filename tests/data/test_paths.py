"""Paths and lists in compact form: exactly what the plain way gives, and the same fingerprint."""

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from data import lists
from data.images import ImageTable
from data.paths import Paths

NAMES = st.lists(st.binary(max_size=9), max_size=30)
LINES = st.lists(st.text("ab 12\t\r", max_size=9).map(str.encode), min_size=1, max_size=30)


@given(names=NAMES, data=st.data())
def test_paths_are_a_sequence_of_bytes(names, data):
    paths = Paths.of(names)
    assert (len(paths), list(paths), paths.tolist()) == (len(names), names, names)
    rows = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=9)) if names else []
    assert paths[np.array(rows, dtype=int)].tolist() == [paths[row] for row in rows] == [names[row] for row in rows]
    assert pickle.loads(pickle.dumps(paths)).tolist() == names


def plain(lines: list[bytes]) -> tuple[list[bytes], list[int]] | int:
    """Paths and labels read line by line; or the number of the first malformed line."""
    fields = [line.rsplit(maxsplit=1) for line in lines]
    for number, parts in enumerate(fields, start=1):
        if len(parts) != 2 or not parts[1].isdigit():
            return number
    return [name for name, _ in fields], [int(label) for _, label in fields]


@pytest.mark.parametrize("lines_at_once", [2, lists.LINES_AT_ONCE])
@pytest.mark.parametrize("bytes_at_once", [3, lists.BYTES_AT_ONCE])
@given(parts=st.lists(LINES, min_size=1, max_size=3), last_newline=st.booleans())
def test_lists_are_read_as_line_by_line(tmp_path_factory, lines_at_once, bytes_at_once, parts, last_newline):
    folder = tmp_path_factory.mktemp("lists")
    files = [folder / f"{number}.txt" for number in range(len(parts))]
    for file, lines in zip(files, parts, strict=True):
        file.write_bytes(b"\n".join(lines) + (b"\n" if last_newline or not lines[-1] else b""))
    expected = [plain(lines) for lines in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "LINES_AT_ONCE", lines_at_once)
        patch.setattr(lists, "BYTES_AT_ONCE", bytes_at_once)
        wrongs = ((file, wrong) for file, wrong in zip(files, expected, strict=True) if isinstance(wrong, int))
        malformed = next(wrongs, None)
        if malformed is None:
            paths, labels = lists.read_lists(files, 1000000000)
            assert paths.tolist() == [name for names, _ in expected for name in names]
            assert labels.tolist() == [label for _, of_list in expected for label in of_list]
            return
        with pytest.raises(InputError) as error:
            lists.read_lists(files, 1000000000)
    assert error.value.sentence.startswith(f"{malformed[0]}, line {malformed[1]}: found")


def test_an_empty_list_among_others(tmp_path):
    (tmp_path / "full.txt").write_text("a 1")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(InputError, match=r"empty\.txt is empty"):
        lists.read_lists([tmp_path / "full.txt", tmp_path / "empty.txt"], 5)


def test_a_label_too_long_for_a_number(tmp_path):
    (tmp_path / "list.txt").write_text(f"a {10**18}\n")
    with pytest.raises(InputError, match="line 1: found"):
        lists.read_list(tmp_path / "list.txt", 5)


def test_the_fingerprint_is_that_of_every_path_and_label(tmp_path):
    names = [b"google/a 1.jpg", "ü.jpg".encode(), b"c"]
    table = ImageTable(tmp_path, Paths.of(names), np.array([3, 1, 2]), 5, tmp_path)
    content = b"\n".join(names) + np.array([3, 1, 2], dtype="<i8").tobytes()
    expected = {"images": 3, "classes": 5, "sha256": hashlib.sha256(content).hexdigest()}
    assert table.fingerprint().items() >= expected.items()


def test_a_written_list_reads_back(tmp_path):
    names = Paths.of(["a b.jpg", "c.jpg"])
    lists.write_list(tmp_path / "list.txt", names, np.array([4, 0]))
    paths, labels = lists.read_list(tmp_path / "list.txt", 5)
    assert (paths.tolist(), labels.tolist()) == (names.tolist(), [4, 0])
