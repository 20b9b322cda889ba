"""What is computed side by side: as one after the other, with nothing copied, through signals and lost processes."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from core.errors import InputError
from core.side_by_side import side_by_side
from tests.support import REPOSITORY

MEBIBYTE = 1 << 20


def test_results_have_the_order_of_the_items_whoever_ends_first():
    def late(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    delays = [0.3, 0, 0.1, 0]
    assert list(side_by_side(late, delays, 2)) == delays


@pytest.mark.parametrize(("asked", "items", "expected"), [(1, 3, 0), (2, 1, 0), (2, 4, 2), (3, 2, 2)])
def test_as_many_processes_as_asked_for_and_no_more_than_items(asked, items, expected):
    together = multiprocessing.get_context("fork").Barrier(max(1, expected))

    def who(_: int) -> int:
        together.wait(timeout=60)  # until each process has an item
        return os.getpid()

    others = set(side_by_side(who, range(items), asked)) - {os.getpid()}
    assert len(others) == expected


@pytest.mark.parametrize("processes", [1, 2])
def test_numerical_libraries_have_one_thread(processes):
    def threads(_: int) -> set[int]:
        return {library["num_threads"] for library in threadpool_info()}

    assert list(side_by_side(threads, range(2), processes)) == [{1}, {1}]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_raised_comes_out_as_it_is(processes):
    def refuse(number: int) -> int:
        if number == 2:
            raise InputError("The file x holds y, expected z.")
        return number

    with pytest.raises(InputError) as raised:
        list(side_by_side(refuse, range(9), processes))
    assert raised.value.sentence == "The file x holds y, expected z."


def test_a_process_that_the_system_ends_is_a_sentence():
    def end(number: int) -> None:
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(InputError, match=r"One of 2 processes .* probably because the system had no memory left: set"):
        list(side_by_side(end, range(4), 2))


def test_arrays_lie_in_memory_once():
    array = np.ones(128 * MEBIBYTE, dtype=np.uint8)

    def own_memory(_: int) -> tuple[int, int]:
        """The sum of the array, and the bytes that this process shares with no other."""
        total = int(array.sum())
        lines = Path("/proc/self/smaps_rollup").read_text()
        return total, 1024 * sum(map(int, re.findall(r"^Private_\w+: +(\d+) kB", lines, re.MULTILINE)))

    for total, private in side_by_side(own_memory, range(2), 2):
        assert total == len(array)
        assert private < len(array) / 2


def test_a_request_to_stop_disturbs_nothing(tmp_path):
    """A scheduler sends it to all processes of a job, and the stage goes by what its own has received."""
    program = """
import signal, sys, time
from pathlib import Path
from core import interruption
from core.side_by_side import side_by_side

def square(number):
    Path(sys.argv[1], str(number)).touch()
    while not interruption.received():
        time.sleep(0.01)
    return number * number

interruption.install_handlers([signal.SIGTERM])
print(list(side_by_side(square, range(4), 2)), *(it.name for it in interruption.received()))
"""
    line = [sys.executable, "-c", program, str(tmp_path)]
    command = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)
    while len(list(tmp_path.iterdir())) < 2:  # both are at work; where they never are, the test's time limit ends it
        assert command.poll() is None
    os.killpg(command.pid, signal.SIGTERM)
    assert command.communicate(timeout=60)[0] == "[0, 1, 4, 9] SIGTERM\n"
    assert command.returncode == 0
