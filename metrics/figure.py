"""A figure as stages give it to a record, and as it is computed from an output: a value, its unit, its samples."""

from typing import Any

Figure = dict[str, Any]  # ``value``, ``unit``, ``n``; of a mean of repetitions ``spread``
Figures = dict[str, Figure]


def percentage(count: int, n: int) -> Figure:
    """A share of n samples."""
    return {"value": 100 * count / n, "unit": "%", "n": n}
