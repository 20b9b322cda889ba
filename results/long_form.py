"""Figures and claims in long form, one row each, for CSV files and data frames."""

from typing import Any

from results.claims import Comparison
from results.definitions import CLAIMS, GAIN, SINGLE_FIGURES
from results.gain import steps_of_gain
from results.plan import Results
from results.shipped import read_shipped
from results.tables import figures
from results.tested import tested

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
                "method": results.title_of(figure.method),
                "set": figure.set_title,
                "figure": figure.column.title,
                "paper": paper[0] if paper else None,
                "paper_other": paper[1] if len(paper) > 1 else None,
                "status": figure.published.status if figure.outcome else None,
                "mean": ours.mean if ours is not None else None,
                "spread": figure.spread,
                "n": ours.n if ours is not None else 0,
                "low": low,
                "high": high,
                "images_low": figure.over_images[0] if figure.over_images else None,
                "images_high": figure.over_images[1] if figure.over_images else None,
                "verdict": figure.outcome.word if figure.outcome else None,
                "addition": figure.outcome.addition or None if figure.outcome else None,
                "fitted": figure.convergence.fitted if figure.convergence else None,
                "not_converged": figure.convergence.not_converged if figure.convergence else None,
            }
        )
    shipped = read_shipped(results)
    for line in tested(results):
        known = shipped.differences.get(line.key) if shipped else None
        shipped_low, shipped_high = known.interval(line.comparison.level) if known else (None, None)
        rows.setdefault(SINGLE_FIGURES if line.figure else CLAIMS, []).append(
            {
                "claim": line.claim,
                "figure": line.about if line.figure else None,
                "method": results.title_of(line.better),
                "baseline": results.title_of(line.comparison.baseline),
                "set": line.set_title,
                **_of_difference(line.comparison),
                "shipped": known.mean if known else None,
                "shipped_low": shipped_low,
                "shipped_high": shipped_high,
                "shipped_n": known.worlds if known else None,
                "verdict": line.outcome.word,
                "addition": line.outcome.addition or None,
            }
        )
    for step in steps_of_gain(results):
        rows.setdefault(GAIN, []).append(
            {
                "claim": step.claim,
                "method": results.title_of(step.method),
                "baseline": results.title_of(step.comparison.baseline),
                "set": step.set_title,
                **_of_difference(step.comparison),
                "verdict": step.outcome.word,
                "addition": step.outcome.addition or None,
            }
        )
    return rows


def _of_difference(comparison: Comparison) -> Row:
    difference = comparison.difference
    low, high = comparison.interval or (None, None)
    return {
        "difference": difference.mean if difference is not None else None,
        "n": difference.n if difference is not None else 0,
        "low": low,
        "high": high,
        "level": comparison.level,
    }
