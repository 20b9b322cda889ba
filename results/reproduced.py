"""Whether a figure of the paper is reproduced: the rules, as pure functions, by which ours is set beside it.

They were fixed before any figure was seen. A figure is *reproduced* if two one-sided tests at 5% say that our mean lies
within the tolerance of the paper's (the 90% interval over seeds lies inside); *better* or *worse* if it lies beyond
(the 95% interval wholly outside), with Holm's correction over the figures of a table; *undecided* otherwise. A wider
interval never helps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from results.definitions import NOT_RUN
from results.outcome import Outcome
from results.published import Published
from results.statistics import CONFIDENCE, Summary, holm, students_t

EQUIVALENCE_CONFIDENCE = 0.9  # two one-sided tests at 5%
MOST_SEEDS = 999  # that are counted up to
ROUNDING = 1e-9  # of a difference of two decimal figures


@dataclass(frozen=True)
class Compared:
    """One of our figures beside the paper's.

    Attributes:
        published: the paper's.
        ours: over seeds; None where nothing was run.
        tolerance: how far the true mean may lie from the paper's figure and still reproduce it.
        lower_is_better: as with errors.
        absent: the word where there is none of ours.
    """

    published: Published
    ours: Summary | None
    tolerance: float
    lower_is_better: bool = False
    absent: str = NOT_RUN

    @property
    def difference(self) -> Summary | None:
        """Ours minus the paper's, where there is one of each."""
        if self.ours is None or len(self.published.values) != 1:
            return None
        return Summary(self.ours.mean - self.published.values[0], self.ours.deviation, self.ours.n)


def outcomes(compared: Sequence[Compared]) -> list[Outcome]:
    """What became of the figures of one table, in their order.

    The words are ``reproduced``, ``better``, ``worse`` or ``undecided``, with the seeds that would decide; of one seed
    ``within tolerance`` or ``outside``; ``not run``, ``no data``, ``paper's figure unknown``, ``paper's figure
    disputed``.
    """
    tested = [one for one in compared if one.difference is not None and one.difference.n > 1]
    beyond = holm([_p_outside(one) for one in tested], 1 - CONFIDENCE)
    outside = {id(one) for one, rejected in zip(tested, beyond, strict=True) if rejected}
    return [_outcome(one, id(one) in outside) for one in compared]


def seeds_to_decide(difference: Summary, tolerance: float) -> int | None:
    """How many seeds would decide if mean and deviation stayed as they are; None where no affordable number would."""
    if difference.deviation is None:
        return None
    inside = abs(difference.mean) < tolerance
    confidence = EQUIVALENCE_CONFIDENCE if inside else CONFIDENCE
    room = abs(tolerance - abs(difference.mean))
    return next(
        (
            n
            for n in range(difference.n + 1, MOST_SEEDS + 1)
            if students_t(n - 1, confidence) * difference.deviation / math.sqrt(n) < room
        ),
        None,
    )


def _p_outside(one: Compared) -> float:
    assert one.difference is not None
    return one.difference.p_beyond(one.tolerance)


def _outcome(one: Compared, is_outside: bool) -> Outcome:
    if one.ours is None:
        return Outcome(one.absent)
    difference = one.difference
    if difference is None:
        return Outcome("paper's figure disputed" if one.published.values else "paper's figure unknown")
    if difference.n == 1:
        return Outcome(
            "within tolerance" if abs(difference.mean) <= one.tolerance + ROUNDING else "outside", "one seed"
        )
    if is_outside:
        return Outcome("better" if (difference.mean < 0) == one.lower_is_better else "worse")
    low, high = difference.interval(EQUIVALENCE_CONFIDENCE)
    if -one.tolerance - ROUNDING <= low and high <= one.tolerance + ROUNDING:
        return Outcome("reproduced")
    needed = seeds_to_decide(difference, one.tolerance)
    return Outcome("undecided", f"about {needed} seeds decide" if needed else f"more than {MOST_SEEDS} seeds decide")
