"""Figures and claims in long form, one row each, for CSV files and data frames."""

from typing import Any

from results.definitions import METHOD_TITLES, SET_TITLES
from results.plan import Results
from results.tables import figures, tested_claims

CLAIMS = "claims"

Row = dict[str, Any]


def long_form(results: Results) -> dict[str, list[Row]]:
    """Rows by the name of their table; those of one table have the same keys, and None where there is no value."""
    rows: dict[str, list[Row]] = {}
    for figure in figures(results):
        ours, paper = figure.ours, figure.published.values
        low, high = ours.interval() if ours is not None and ours.n > 1 else (None, None)
        rows.setdefault(figure.table.name, []).append(
            {
                "table": figure.table.name,
                "method": METHOD_TITLES.get(figure.method, figure.method),
                "set": SET_TITLES.get(figure.training_set, figure.training_set),
                "figure": figure.column.title,
                "paper": paper[0] if paper else None,
                "paper_other": paper[1] if len(paper) > 1 else None,
                "status": figure.published.status if figure.outcome else None,
                "mean": ours.mean if ours is not None else None,
                "spread": figure.spread,
                "n": ours.n if ours is not None else 0,
                "low": low,
                "high": high,
                "verdict": figure.outcome.word if figure.outcome else None,
                "addition": figure.outcome.addition or None if figure.outcome else None,
                "fitted": figure.convergence.fitted if figure.convergence else None,
                "not_converged": figure.convergence.not_converged if figure.convergence else None,
            }
        )
    for claim in tested_claims(results):
        difference = claim.difference
        low, high = difference.interval() if difference is not None and difference.n > 1 else (None, None)
        rows.setdefault(CLAIMS, []).append(
            {
                "table": claim.table.name,
                "set": SET_TITLES.get(claim.training_set, claim.training_set),
                "claim": claim.title,
                "figure": claim.column.title,
                "difference": difference.mean if difference is not None else None,
                "n": difference.n if difference is not None else 0,
                "low": low,
                "high": high,
                "verdict": claim.verdict,
            }
        )
    return rows
