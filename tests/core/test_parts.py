"""What is computed by part: once over all starts, never taken for anything else, left by all processes together."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core import interruption, parts
from core.distributed import process_group
from core.parts import by_part
from core.workspace import PARTS_FOLDER, Workspace
from tests.pretrain.test_interruption import nothing_received  # noqa: F401  (a fixture)
from tests.support.killing import cut, empty, flip_a_byte
from tests.support.processes import in_two_processes

ITEMS = 7


class Squares:
    """Squares of numbers, in columns of several types; notes which it was asked for, and wants to stop at some."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.computed: list[int] = []

    def __call__(self, numbers: list[int]) -> Iterator[dict]:
        for number in numbers:
            self.computed.append(number)
            if len(self.computed) == self.stop_after:
                os.kill(os.getpid(), signal.SIGUSR2)
            yield {"square": torch.full((2, 1), number**2), "half": np.float32(number / 2), "name": [b"a", b"bc"]}


def start(folder: Path, squares: Squares, determined_by: dict | None = None, **place) -> list[dict]:
    """As a new process of the job does."""
    interruption.install_handlers([signal.SIGUSR2])
    return by_part("squares", squares, ITEMS, determined_by or {}, Workspace(folder, **place), "items")


def assert_right(found: list[dict]) -> None:
    assert [of_item["square"].tolist() for of_item in found] == [[[n**2], [n**2]] for n in range(ITEMS)]
    assert [(it["half"].dtype, float(it["half"])) for it in found] == [(np.float32, n / 2) for n in range(ITEMS)]
    assert all(of_item["name"].tolist() == [b"a", b"bc"] for of_item in found)


def parts_in(folder: Path) -> list[Path]:
    return sorted((folder / PARTS_FOLDER).glob("*/*.npz"))


def test_every_item_is_computed_once_over_all_starts(tmp_path):
    first, second, third = Squares(3), Squares(2), Squares()
    for asking in (first, second):
        with pytest.raises(interruption.Interrupted):
            start(tmp_path, asking)
    assert_right(start(tmp_path, third))
    assert [first.computed, second.computed, third.computed] == [[0, 1, 2], [3, 4], [5, 6]]
    again = Squares()
    assert_right(start(tmp_path, again))
    assert not again.computed and len(parts_in(tmp_path)) == 3


def test_a_request_after_the_last_item_does_not_stop(tmp_path):
    assert_right(start(tmp_path, Squares(ITEMS)))


def test_progress_counts_what_earlier_starts_have_done(tmp_path):
    with pytest.raises(interruption.Interrupted):
        start(tmp_path, Squares(3))

    class Listens(Workspace):
        def progress(self, done: int, total: int, unit: str) -> None:
            said.append((done, total, unit))

    said: list[tuple] = []
    interruption.install_handlers([])
    by_part("squares", Squares(), ITEMS, {}, Listens(tmp_path), "items")
    assert said == [(done, ITEMS, "items") for done in range(4, ITEMS + 1)]


@pytest.mark.parametrize("damage", [cut, flip_a_byte, empty])
def test_a_damaged_part_is_computed_anew_and_no_other(tmp_path, damage, capsys):
    for _ in range(2):
        with pytest.raises(interruption.Interrupted):
            start(tmp_path, Squares(2))
    _, damaged = sorted(parts_in(tmp_path), key=lambda path: path.stat().st_mtime_ns)
    damage(damaged)
    again = Squares()
    assert_right(start(tmp_path, again))
    assert again.computed == [2, 3, 4, 5, 6]
    assert f"warning: The part {damaged} is damaged, and is computed anew." in capsys.readouterr().out


def test_no_byte_of_a_part_can_change_what_is_found(tmp_path):
    with pytest.raises(interruption.Interrupted):
        start(tmp_path, Squares(2))
    (part,) = parts_in(tmp_path)
    whole = part.read_bytes()
    for place in random.Random(0).sample(range(len(whole)), 40):
        part.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert_right(start(tmp_path, Squares()))
        for path in parts_in(tmp_path):
            path.unlink()


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"determined_by": {"sha256": "a"}}, {"determined_by": {"sha256": "b"}}),
        ({"determined_by": {"of": [np.zeros(3)]}}, {"determined_by": {"of": [np.array([0, 0, 1.0])]}}),
        ({"determined_by": {"of": np.zeros(4)}}, {"determined_by": {"of": np.zeros((2, 2))}}),
        ({"identity": "one job"}, {"identity": "another one"}),
    ],
)
def test_a_part_of_other_content_is_not_taken(tmp_path, before, now):
    start(tmp_path, Squares(), **before)
    anew, again = Squares(), Squares()
    start(tmp_path, anew, **now)
    start(tmp_path, again, **before)
    assert (len(anew.computed), len(again.computed)) == (ITEMS, 0)


def test_parts_are_written_in_time_and_not_for_every_item(tmp_path, monkeypatch):
    start(tmp_path / "in time", Squares())
    monkeypatch.setattr(parts, "SECONDS_A_PART", 0)
    start(tmp_path / "at once", Squares())
    monkeypatch.undo()
    monkeypatch.setattr(parts, "BYTES_A_PART", 3 * (2 * 8 + 4))
    start(tmp_path / "by size", Squares())
    assert [len(parts_in(tmp_path / name)) for name in ("in time", "at once", "by size")] == [1, ITEMS, 3]


def test_what_a_training_computes_in_its_course_is_neither_kept_nor_stopped(tmp_path):
    assert_right(start(tmp_path, Squares(2), keeps_parts=False))
    assert not parts_in(tmp_path)


def test_two_things_of_one_name_are_refused(tmp_path):
    place = Workspace(tmp_path)
    by_part("squares", Squares(), ITEMS, {}, place, "items")
    with pytest.raises(ValueError, match="two things of one job are kept by part as 'squares', expected another name"):
        by_part("squares", Squares(), ITEMS, {}, place, "items")
    by_part("cubes", Squares(), ITEMS, {}, place, "items")


def test_items_that_are_not_given_are_missed(tmp_path):
    with pytest.raises(ValueError, match="of squares, 7 items were to be computed, and 2 were given"):
        by_part("squares", lambda numbers: Squares()(numbers[:2]), ITEMS, {}, Workspace(tmp_path), "items")


@pytest.mark.parametrize("odd", [{"of": np.array([None])}, {"of": {1, 2}}])
def test_what_has_no_content_determines_nothing(tmp_path, odd):
    with pytest.raises(TypeError, match="parts are determined by values that JSON has, and arrays of numbers, not by"):
        by_part("squares", Squares(), ITEMS, odd, Workspace(tmp_path), "items")


def leave_together(folder: Path) -> tuple[list[int], list[int]]:
    """Rank 1 alone gets the signal, and has fewer items; what each start of this rank computes."""
    rank = int(os.environ["RANK"])
    first, second = Squares(2 if rank else None), Squares()
    with process_group():
        interruption.install_handlers([signal.SIGUSR2])
        with pytest.raises(interruption.Interrupted):
            by_part("squares", first, 5 - rank, {}, Workspace(folder), "items")
        interruption.install_handlers([])
        by_part("squares", second, 5 - rank, {}, Workspace(folder), "items")
    return first.computed, second.computed


def test_all_processes_leave_before_the_same_item_and_go_on_with_their_own(tmp_path):
    assert in_two_processes(leave_together, tmp_path) == [([0, 1], [2, 3, 4]), ([0, 1], [2, 3])]
