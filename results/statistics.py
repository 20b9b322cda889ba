"""Means over seeds, their spread, and paired differences."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

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
        from scipy.special import stdtrit

        return float(stdtrit(self.n - 1, (1 + CONFIDENCE) / 2)) * self.deviation / math.sqrt(self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% confidence interval of the mean."""
        return self.mean - self.half_width, self.mean + self.half_width


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and number of at least one measurement."""
    return Summary(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
