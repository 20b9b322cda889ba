"""Writes tables as Markdown, CSV and LaTeX, and the report beside them."""

import csv
import io
from collections.abc import Sequence, Set
from pathlib import Path

from tabulate import tabulate

from core.extras import MissingPackageError
from core.files import write_text
from results.copies import differing_copies
from results.latex import latex
from results.long_form import Row, long_form
from results.plan import Results, read_results
from results.rendered import Rendered
from results.report.writing import write_report
from results.shipped_models import comparison, model_digests, shipped_digests
from results.tables import build_tables
from results.trail import code_of

FOLDER = "tables"
FORMS = (".md", ".csv", ".tex")
LEFT_OUT = "Left out: "  # begins the lines about records that cannot be used


def write_results(runs: Path, to: Path | None = None) -> str:
    """Write tables and report of the records in ``runs``, there or into ``to``; gives the tables, and where all lies.

    Raises:
        InputError: there is no plan in ``runs``.
    """
    results = read_results(runs)
    tables = write_tables(results, to or runs)
    try:
        report = f"Report: {write_report(results, runs, to)}"
    except MissingPackageError as error:  # whoever asks for tables has them
        report = f"No report: {error.sentence}"
    return f"{tables}\nTables: {(to or runs) / FOLDER}\n{report}"


def write_tables(results: Results, to: Path) -> str:
    """Write every table into the folder ``tables`` of ``to``; gives all of them as Markdown.

    There are ``<name>.md`` and ``<name>.tex`` as a reader sees them, and ``<name>.csv`` in long form, one row a figure.
    """
    tables, footer = build_tables(results), _footer(results)
    _remove_others(to / FOLDER, {table.name for table in tables})
    for name, text in _files(results, tables, footer).items():
        write_text(to / FOLDER / name, text)
    return "\n".join([*(_markdown(table) for table in tables), footer])


def table_files(results: Results) -> dict[str, str]:
    """What :func:`write_tables` writes, by the names of the files."""
    return _files(results, build_tables(results), _footer(results))


def _files(results: Results, tables: Sequence[Rendered], footer: str) -> dict[str, str]:
    files, rows = {}, long_form(results)
    for table in tables:
        files[f"{table.name}.md"] = f"{_markdown(table)}\n{footer}\n"
        files[f"{table.name}.csv"] = _csv(rows[table.name])
        files[f"{table.name}.tex"] = latex(table.title, table.cells, table.marks)
    return files


def _remove_others(folder: Path, names: Set[str]) -> None:
    """Take away tables of an earlier plan that this one does not have."""
    forms = [{path.stem for path in folder.glob(f"*{form}")} for form in FORMS]
    for name in set.intersection(*forms) - names:
        for form in FORMS:
            (folder / name).with_suffix(form).unlink(missing_ok=True)


def _markdown(table: Rendered) -> str:
    notes = "".join(f"- {note}\n" for note in (*table.notes, *table.marks))
    escaped = [{_in_markdown(header): _in_markdown(cell) for header, cell in row.items()} for row in table.cells]
    tabulated = tabulate(escaped, headers="keys", tablefmt="github", disable_numparse=True)
    return f"## {table.title}\n\n{tabulated}\n\n{notes}"


def _in_markdown(text: str) -> str:
    """Text as GitHub shows it in a cell: neither the end of the cell nor HTML."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _footer(results: Results) -> str:
    described = sorted({code_of(record, digits=10) for record in results.records.values()})
    done = f"{len(results.records)} of {len(results.jobs)} jobs done; code {_list(described)}"
    first = f"Profile {results.profile['name']}: {done}."
    of_models = comparison(model_digests(results), shipped_digests())
    left_out = [f"{LEFT_OUT}{it}" for it in results.problems]
    return "\n".join([first, *([of_models] if of_models else []), *differing_copies(results), *left_out])


def _list(parts: Sequence[str]) -> str:
    return ", ".join(parts) or "not run"
