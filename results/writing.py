"""Writes tables as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from core.files import write_text
from results.plan import Results
from results.tables import Rendered, build_tables

FOLDER = "tables"


def write_tables(results: Results, runs: Path) -> str:
    """Write every table into ``runs/tables`` as ``<name>.md``, ``.csv`` and ``.tex``; gives all of them as Markdown."""
    tables = build_tables(results)
    footer = _footer(results)
    for table in tables:
        stem = runs / FOLDER / table.name
        write_text(stem.with_suffix(".md"), f"{_markdown(table)}\n{footer}\n")
        write_text(stem.with_suffix(".csv"), _csv(table))
        write_text(stem.with_suffix(".tex"), _tabulated(table, "latex_booktabs") + "\n")
    return "\n".join([*(_markdown(table) for table in tables), footer])


def _markdown(table: Rendered) -> str:
    notes = "".join(f"- {note}\n" for note in table.notes)
    return f"## {table.title}\n\n{_tabulated(table, 'github')}\n\n{notes}"


def _tabulated(table: Rendered, layout: str) -> str:
    return tabulate(table.cells, headers="keys", tablefmt=layout, disable_numparse=True)


def _csv(table: Rendered) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(table.cells[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.cells)
    return text.getvalue()


def _footer(results: Results) -> str:
    planned = len(results.records) + len(results.missing)
    versions = {(record.code["commit"], record.code["dirty"]) for record in results.records}
    described = sorted(f"{(commit or 'unknown')[:10]}{' with changes' if dirty else ''}" for commit, dirty in versions)
    return f"Profile {results.profile['name']}: {len(results.records)} of {planned} jobs done; code {_list(described)}."


def _list(parts: Sequence[str]) -> str:
    return ", ".join(parts) or "not run"
