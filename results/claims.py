"""The paper's claims that MoPro is better than CE, tested by the differences of runs that share a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from results.definitions import BASELINE, CLAIMED_BETTER, NOT_RUN, Column, Table
from results.plan import Measured
from results.statistics import Summary, summarise

TITLE = "The paper's claims, tested"
NOTES = (
    "Difference: mean over seeds of MoPro minus CE with the same seed, in percentage points, and its 95% confidence "
    "interval (Student's t).",
    "A claim holds if the whole interval lies on its side of 0, does not hold if it lies on the other, and is "
    "undecided otherwise.",
)


@dataclass(frozen=True)
class Claim:
    """The paper's claim that MoPro is better than CE in some figure.

    Attributes:
        table: where the figure stands.
        column: what it is.
        training_set: of both methods' checkpoints.
        difference: of runs that share a seed, MoPro minus CE; None where there is no pair.
    """

    table: Table
    column: Column
    training_set: str
    difference: Summary | None

    @property
    def title(self) -> str:
        """The claim in words."""
        return f"MoPro {'below' if self.column.lower_is_better else 'above'} CE on {self.column.title}"

    @property
    def verdict(self) -> str:
        """``holds``, ``does not hold``, ``undecided``, ``too few seeds`` or ``not run``."""
        if self.difference is None:
            return NOT_RUN
        if self.difference.n == 1:
            return "too few seeds"
        low, high = self.difference.interval()
        worst, best = (-high, -low) if self.column.lower_is_better else (low, high)
        return "holds" if worst > 0 else "does not hold" if best < 0 else "undecided"


def tested(tables: Sequence[Table], rows: Sequence[tuple[str, str]], measured: Measured) -> list[Claim]:
    """The claims about every pretraining set of which there are both methods.

    Args:
        tables: with the columns that are measured.
        rows: (method, pretraining set) of the plan.
        measured: the figures.
    """
    claims = []
    for training_set in (on for method, on in rows if method == BASELINE and (CLAIMED_BETTER, on) in rows):
        for table, column in ((it, column) for it in tables for column in it.columns if column.is_claimed):
            better, baseline = (
                measured.get((method, training_set, column.evaluation, column.metric), {})
                for method in (CLAIMED_BETTER, BASELINE)
            )
            differences = [
                better[seed].value - baseline[seed].value for seed in sorted(better.keys() & baseline.keys())
            ]
            claims.append(Claim(table, column, training_set, summarise(differences) if differences else None))
    return claims


def line(claim: Claim) -> dict[str, str]:
    """The cells of a claim's row, by header."""
    summary, outcome = claim.difference, claim.verdict
    if summary is None:
        return {"Claim": claim.title, "Difference": NOT_RUN, "95% interval": "", "n": "0", "Verdict": outcome}
    low, high = summary.interval()
    return {
        "Claim": claim.title,
        "Difference": f"{summary.mean:+.2f}",
        "95% interval": f"[{low:+.2f}, {high:+.2f}]" if summary.n > 1 else "",
        "n": str(summary.n),
        "Verdict": outcome,
    }
