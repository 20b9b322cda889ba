"""What differs between two reproductions: in configuration, in figures, and beyond the intervals."""

from collections.abc import Iterable, Mapping
from typing import Any

from tabulate import tabulate

from results.addresses import address_of
from results.plan import Results
from results.statistics import Summary
from results.tables import figures
from results.trail import code_of

ABSENT = "none"


def difference(first: Results, second: Results) -> str:
    """The differences as text; figures that are equal are counted, not listed."""
    parts = [_table("Configuration", _of_configuration(first, second)), _table("Code", _of_code(first, second))]
    rows, equal = _of_figures(first, second)
    return "\n\n".join([*parts, _table("Figures", rows), f"{equal} figures are equal."])


def _table(title: str, rows: list[dict[str, str]]) -> str:
    if not rows:
        return f"{title}: no difference."
    return f"{title}:\n\n{tabulate(rows, headers='keys', tablefmt='github', disable_numparse=True)}"


def _of_configuration(first: Results, second: Results) -> list[dict[str, str]]:
    values = [dict(_flat(results.profile)) for results in (first, second)]
    keys = dict.fromkeys([*values[0], *values[1]])
    pairs = {key: [str(side.get(key, ABSENT)) for side in values] for key in keys}
    return [{"Key": key, "A": one, "B": other} for key, (one, other) in pairs.items() if one != other]


def _of_code(first: Results, second: Results) -> list[dict[str, str]]:
    sides = [sorted({code_of(record) for record in results.records.values()}) for results in (first, second)]
    if sides[0] == sides[1]:
        return []
    return [{"A": ", ".join(sides[0]) or ABSENT, "B": ", ".join(sides[1]) or ABSENT}]


def _of_figures(first: Results, second: Results) -> tuple[list[dict[str, str]], int]:
    """A row for every figure that is not the same, and how many are."""
    sides = [{address_of(figure): figure.ours for figure in figures(results)} for results in (first, second)]
    rows, equal = [], 0
    for address in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = (side.get(address) for side in sides)
        if one == other:
            equal += one is not None
            continue
        shift = f"{other.mean - one.mean:+.2f}" if one and other else ""
        rows.append(
            {
                "Figure": address,
                "A": _shown(one),
                "B": _shown(other),
                "B - A": shift,
                "Intervals": _verdict(one, other) if one and other else "",
            }
        )
    return rows, equal


def _shown(summary: Summary | None) -> str:
    if summary is None:
        return ABSENT
    return f"{summary.mean:.2f}" + (f" ± {summary.half_width():.2f}" if summary.n > 1 else "") + f" ({summary.n})"


def _verdict(one: Summary, other: Summary) -> str:
    if one.n == 1 or other.n == 1:
        return "unknown, of one seed"
    apart = one.interval()[0] > other.interval()[1] or other.interval()[0] > one.interval()[1]
    return "apart" if apart else "overlap"


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item
