"""Times two ways of doing the same thing in turn, so that a drifting machine slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """A measured pair.

    Attributes:
        what: what both compute, with its size.
        reference: what the reference does.
        reference_seconds, our_seconds: medians.
        ratio: median over rounds of reference / ours.
    """

    what: str
    reference: str
    reference_seconds: float
    our_seconds: float
    ratio: float


def compare(
    what: str, reference: str, run_reference: Callable[[], object], run_ours: Callable[[], object], rounds: int
) -> Comparison:
    """Call both once unmeasured, then ``rounds`` times in turn."""
    run_reference()
    run_ours()
    pairs = [(_seconds(run_reference), _seconds(run_ours)) for _ in range(rounds)]
    return Comparison(
        what,
        reference,
        statistics.median(theirs for theirs, _ in pairs),
        statistics.median(ours for _, ours in pairs),
        statistics.median(theirs / ours for theirs, ours in pairs),
    )


def _seconds(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before
