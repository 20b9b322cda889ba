"""Means over seeds, their spread, and paired differences."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

CONFIDENCE = 0.95


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
    def half_width(self) -> float:
        """Half the width of the mean's 95% confidence interval (Student's t); infinite for a single measurement."""
        if self.deviation is None:
            return math.inf
        return students_t(self.n - 1, CONFIDENCE) * self.deviation / math.sqrt(self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% confidence interval of the mean."""
        return self.mean - self.half_width, self.mean + self.half_width


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and number of at least one measurement."""
    n, mean = len(values), statistics.fmean(values)
    if n == 1:
        return Summary(mean, None, n)
    squares = math.fsum((value - mean) ** 2 for value in values)  # statistics.stdev takes ten times as long
    return Summary(mean, math.sqrt(squares / (n - 1)), n)


@cache
def students_t(degrees: int, confidence: float) -> float:
    """The t within which Student's distribution has the given probability, to both sides of 0.

    For whole degrees of freedom the probability is a finite sum over powers of a cosine (Abramowitz and Stegun, 26.7.3
    and 26.7.4); it is inverted by bisection. SciPy has the same, but takes half a second to import.

    Args:
        degrees: of freedom, at least 1.
        confidence: the probability, in (0, 1).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        if _probability_within(angle, degrees) < confidence:
            low = angle
        else:
            high = angle
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _probability_within(angle: float, degrees: int) -> float:
    """The probability of abs(t) < sqrt(degrees) tan(angle)."""
    odd = degrees % 2
    term, total = (math.cos(angle), 0.0) if odd else (1.0, 0.0)
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(angle) ** 2
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
