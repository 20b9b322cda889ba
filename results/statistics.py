"""Means over seeds, their spread, intervals and tests of a mean; SciPy's distributions, imported when needed."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

CONFIDENCE = 0.95
LARGE_T = 1e4  # from which on the noncentral t's ends grow in proportion; SciPy searches without end at 1e6


@dataclass(frozen=True)
class Summary:
    """A mean of n measurements.

    Attributes:
        mean: in the unit of the measurements.
        deviation: sample standard deviation (n - 1), or None for a single measurement.
        n: how many there are.
    """

    mean: float
    deviation: float | None
    n: int

    @property
    def error(self) -> float:
        """The mean's standard error; infinite for a single measurement, which tells nothing of its spread."""
        return math.inf if self.deviation is None else self.deviation / math.sqrt(self.n)

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half the width of the mean's confidence interval (Student's t); infinite for a single measurement."""
        return math.inf if self.deviation is None else students_t(self.n - 1, confidence) * self.error

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The confidence interval of the mean."""
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    def p_beyond(self, distance: float) -> float:
        """The two-sided p-value of the hypothesis that the true mean is no further than ``distance`` from 0.

        It is below 0.05 where the 95% interval lies wholly outside [-distance, distance]; with a distance of 0 this is
        Student's t test. 1 for a single measurement.
        """
        beyond = abs(self.mean) - distance
        if self.deviation is None or beyond <= 0:
            return 1.0
        if self.error == 0:
            return 0.0
        from scipy.special import stdtr

        return min(1.0, 2 * float(stdtr(self.n - 1, -beyond / self.error)))


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and number of at least one measurement."""
    n, mean = len(values), statistics.fmean(values)
    if n == 1:
        return Summary(mean, None, n)
    squares = math.fsum((value - mean) ** 2 for value in values)  # statistics.stdev takes ten times as long
    return Summary(mean, math.sqrt(squares / (n - 1)), n)


def p_of_equal_means(first: Summary, second: Summary) -> float:
    """Two-sided, of Welch's t test that two independent samples have one mean; 1 where a spread is unknown."""
    if first.deviation is None or second.deviation is None:
        return 1.0
    if first.deviation == second.deviation == 0:
        return float(first.mean == second.mean)
    from scipy.stats import ttest_ind_from_stats

    sides = (first.mean, first.deviation, first.n, second.mean, second.deviation, second.n)
    return float(ttest_ind_from_stats(*sides, equal_var=False).pvalue)


def share_interval(share: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's confidence interval of a probability.

    Args:
        share: how often it happened, in [0, 1].
        n: of how many independent trials, at least 1.
        confidence: of the interval, in (0, 1).
    """
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@cache
def students_t(degrees: int, confidence: float) -> float:
    """The t within which Student's distribution has the given probability, to both sides of 0.

    Args:
        degrees: of freedom, at least 1.
        confidence: the probability, in (0, 1).
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses Holm's procedure rejects: that any of these is true has at most probability ``level``.

    Args:
        p_values: of the hypotheses, one each.
        level: in (0, 1).
    """
    rejected = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > level / (len(p_values) - rank):
            break
        rejected[place] = True
    return rejected


def power(effect: float, n: int, level: float) -> float:
    """The probability that Student's two-sided t test of n measurements rejects a mean of 0 on the true side.

    Args:
        effect: the true mean in standard deviations, at least 0.
        n: at least 2.
        level: of the test, in (0, 1).
    """
    from scipy.special import nctdtr

    missed = float(nctdtr(n - 1, effect * math.sqrt(n), students_t(n - 1, 1 - level)))
    return 1.0 if math.isnan(missed) else 1 - missed  # SciPy's is NaN at some places where it is 0 to all digits


def effect_interval(summary: Summary, confidence: float) -> tuple[float, float]:
    """The confidence interval of the true mean in standard deviations, from the noncentral t distribution.

    It is that of the size: of a mean below 0 as of one above. The lower end is at least 0.
    """
    if summary.deviation is None or summary.error == 0:
        return 0.0, math.inf
    from scipy.special import nctdtrinc

    t, tail = abs(summary.mean) / summary.error, (1 - confidence) / 2
    ends = (float(nctdtrinc(summary.n - 1, probability, min(t, LARGE_T))) for probability in (1 - tail, tail))
    low, high = (end * max(1.0, t / LARGE_T) / math.sqrt(summary.n) for end in ends)
    return max(0.0, low), max(0.0, high)
