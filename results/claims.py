"""The paper's claims and what becomes of them: rules that were fixed before any final world was drawn.

A *primary claim* is that a method is better than its baselines in the unweighted mean of figures of one unit, paired by
world. The claims share 5%: each is tested at an equal part, two-sided, against its first baseline, and, once that is
rejected, against the next one at the same level. Where all baselines were rejected, the claim's single figures are
tested at that level too, each with the larger p-value of its baselines, by Holm's procedure. No level is handed on from
one claim to another.

Two kinds of words can be false. That there is a difference where there is none is said with a probability of at most
5%, whatever is true: a test is only made where those before it in its claim were rejected, so that nothing true is
rejected before the first true hypothesis, which is rejected with at most the claim's level. That there is none where
there is one of the margin or more takes an interval that lies wholly to one side of the truth, at most half its level:
2.5% over the means against any one baseline, and 2.5% over all single figures, which add up. (Any one test gives a
difference that is there the wrong sign with at most half its level.)

The words: ``holds`` and ``does not hold`` (significant, one way or the other), else ``no difference`` (the interval at
the level used lies inside the profile's margin), else ``undecided``. With fewer than 8 worlds there is no verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from results.definitions import NOT_RUN
from results.outcome import Outcome
from results.statistics import Summary, effect_interval, holm, power, summarise

FAMILYWISE = 0.05
WORLDS_FOR_A_VERDICT = 8
WANTED_POWER = 0.8
CONFIDENCE_IN_EFFECT = 0.8  # of the range that is given with the worlds needed
MOST_WORLDS = 999  # that are counted up to

REJECTED = ("holds", "does not hold")
NO_DIFFERENCE = "no difference"
UNDECIDED = "undecided"
NO_VERDICT = "no verdict"
NOT_TESTED = "not tested"

Worlds = Mapping[str, float]  # a figure by world


@dataclass(frozen=True)
class Comparison:
    """A difference against one baseline.

    Attributes:
        baseline: the method's name.
        difference: over worlds, the method minus the baseline; None where no world has both.
        level: two-sided, of the test and of the interval.
        outcome: of its test; ``not tested`` where an earlier baseline was not rejected. None for a single figure,
            which has one outcome for all baselines.
    """

    baseline: str
    difference: Summary | None
    level: float
    outcome: Outcome | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """At its level; None for fewer than two worlds."""
        if self.difference is None or self.difference.n < 2:
            return None
        return self.difference.interval(1 - self.level)

    @property
    def p_value(self) -> float:
        """Of the hypothesis of no difference; 1 where nothing was measured."""
        return 1.0 if self.difference is None else self.difference.p_beyond(0)


@dataclass(frozen=True)
class SingleFigure:
    """A figure of a claim: the differences against the baselines, and one word for it."""

    name: str
    comparisons: tuple[Comparison, ...]
    outcome: Outcome


@dataclass(frozen=True)
class Claim:
    """A primary claim: the mean of its figures against each baseline, then the figures."""

    name: str
    lower_is_better: bool
    comparisons: tuple[Comparison, ...]
    figures: tuple[SingleFigure, ...]


def decide(
    name: str,
    ours: Mapping[str, Worlds],
    baselines: Mapping[str, Mapping[str, Worlds]],
    level: float,
    margin: float,
    lower_is_better: bool = False,
) -> Claim:
    """What becomes of one primary claim.

    Args:
        name: of the claim.
        ours: of the method, for each figure its value in every world; empty where nothing was run.
        baselines: the same of each baseline, in the order in which they are tested.
        level: of the claim, in (0, 1).
        margin: in the figures' unit; a difference inside it is none.
        lower_is_better: as with errors.
    """
    tests: list[Comparison] = []
    is_open = True
    for baseline, theirs in baselines.items():
        test = Comparison(baseline, mean_difference(ours, theirs), level)
        outcome = _outcome([test], is_open, test.p_value <= level, margin, lower_is_better)
        tests.append(replace(test, outcome=outcome))
        is_open = outcome.word in REJECTED
    single = {
        figure: tuple(
            Comparison(baseline, _difference(ours[figure], theirs[figure]), level / len(ours))
            for baseline, theirs in baselines.items()
        )
        for figure in ours
    }
    rejected = holm([_largest_p(comparisons) for comparisons in single.values()], level)
    figures = tuple(
        SingleFigure(figure, comparisons, _outcome(comparisons, is_open, is_rejected, margin, lower_is_better))
        for (figure, comparisons), is_rejected in zip(single.items(), rejected, strict=True)
    )
    return Claim(name, lower_is_better, tuple(tests), figures)


def explained(outcome: Outcome, comparisons: Sequence[Comparison]) -> Outcome:
    """The outcome, with the worlds that the hardest of its comparisons needs where it is undecided."""
    if outcome.word != UNDECIDED:
        return outcome
    if _points_both_ways(comparisons):
        return Outcome(UNDECIDED, "above one baseline and below another, as measured")
    return Outcome(UNDECIDED, _worlds_needed(max(comparisons, key=lambda comparison: comparison.p_value)))


def _worlds_needed(comparison: Comparison) -> str:
    """For a power of 80%, if mean and deviation are the true ones, and the range within which that number lies."""
    difference = comparison.difference
    if difference is None or not difference.deviation:
        return f"more than {MOST_WORLDS} worlds"
    low, high = effect_interval(difference, CONFIDENCE_IN_EFFECT)
    effect = abs(difference.mean) / difference.deviation
    likely, fewest, most = (_worlds_for(size, comparison.level) for size in (effect, high, low))
    needed = f"about {likely} worlds" if likely else f"more than {MOST_WORLDS} worlds"
    return f"{needed}, {_count(fewest)} to {_count(most)}"


def _worlds_for(effect: float, level: float) -> int | None:
    """The smallest number with the wanted power, for a true mean in standard deviations; None where it is too large."""
    low, high = WORLDS_FOR_A_VERDICT, MOST_WORLDS
    if power(effect, high, level) < WANTED_POWER:
        return None
    while low < high:  # power grows with the number
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle, level) >= WANTED_POWER else (middle + 1, high)
    return low


def _count(worlds: int | None) -> str:
    return f"more than {MOST_WORLDS}" if worlds is None else str(worlds)


def mean_difference(ours: Mapping[str, Worlds], theirs: Mapping[str, Worlds]) -> Summary | None:
    """Of the unweighted means over all figures, ours minus theirs, in the worlds where both sides have all of them.

    Args:
        ours: of one method, for each figure its value in every world.
        theirs: the same of another.
    """
    return _difference(_means(ours), _means(theirs))


def _difference(ours: Worlds, theirs: Worlds) -> Summary | None:
    """Paired by world."""
    worlds = sorted(ours.keys() & theirs.keys())
    return summarise([ours[world] - theirs[world] for world in worlds]) if worlds else None


def _means(figures: Mapping[str, Worlds]) -> Worlds:
    every = list(figures.values())
    worlds = set(every[0]).intersection(*every)
    return {world: sum(values[world] for values in every) / len(every) for world in worlds}


def _outcome(
    comparisons: Sequence[Comparison], is_open: bool, is_rejected: bool, margin: float, lower_is_better: bool
) -> Outcome:
    """The word for a figure, or for a mean of figures, against one baseline or several."""
    differences = [comparison.difference for comparison in comparisons if comparison.difference is not None]
    if len(differences) < len(comparisons):
        return Outcome(NOT_RUN)
    worlds = min(difference.n for difference in differences)
    if worlds < WORLDS_FOR_A_VERDICT:
        return Outcome(NO_VERDICT, f"{worlds} of {WORLDS_FOR_A_VERDICT} worlds")
    if not is_open:
        return Outcome(NOT_TESTED)
    if is_rejected:
        return Outcome("holds" if (differences[0].mean < 0) == lower_is_better else "does not hold")
    return Outcome(NO_DIFFERENCE if all(_is_inside(it, margin) for it in comparisons) else UNDECIDED)


def _is_inside(comparison: Comparison, margin: float) -> bool:
    low, high = comparison.interval or (-math.inf, math.inf)
    return -margin <= low and high <= margin


def _largest_p(comparisons: Sequence[Comparison]) -> float:
    """Of the hypothesis that some baseline is equal to it; 1 where it lies above one and below another."""
    return 1.0 if _points_both_ways(comparisons) else max(comparison.p_value for comparison in comparisons)


def _points_both_ways(comparisons: Sequence[Comparison]) -> bool:
    return len({comparison.difference.mean > 0 for comparison in comparisons if comparison.difference}) > 1
