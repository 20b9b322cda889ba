"""The seeds of the final worlds follow from a commit alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.final_worlds import main, seeds_of
from core.errors import InputError

COMMITS = st.text("0123456789abcdef", min_size=40, max_size=40)


def test_a_worked_example(capsys):
    """The first eight bytes of ``printf '%040d 0' 0 | sha256sum``, modulo 999,000, above 1,000; and so on."""
    commit = "0" * 40
    assert seeds_of(commit)[0][:2] == [276668, 287831]
    assert main([commit]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("seeds: [276668, 287831, ") and printed.count("seeds: ") == 2


@given(COMMITS, COMMITS)
def test_they_are_different_and_of_no_world_of_development(one, other):
    first, second = seeds_of(one)
    assert len(first) == len(second) == 20 and len({*first, *second}) == 40
    assert all(1_000 <= seed <= 999_999 for seed in [*first, *second])
    assert one == other or [first, second] != seeds_of(other)


@pytest.mark.parametrize("commit", ["main", "0" * 39, "A" * 40, "0" * 40 + "\n"])
def test_what_is_no_commit(commit):
    with pytest.raises(InputError, match="is no hash of a commit, expected 40"):
        seeds_of(commit)
