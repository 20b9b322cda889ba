"""Writes the report, unless the one that is there says the same."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from core.extras import require_extra
from core.files import write_text
from results.plan import Results
from results.trail import not_run_because

REPORT_FILE = "report.html"
PACKAGE = Path(__file__).parent
HEAD = 2000  # characters of a report in which its digest lies


def write_report(results: Results, runs: Path, to: Path | None = None) -> Path:
    """Write ``report.html`` of the records in ``runs``, there or into ``to``; gives its path.

    A report holds a digest of all that it was made from: where that has not changed, the file stays as it is, and
    nothing that draws is imported.
    """
    path = (to or runs) / REPORT_FILE
    digest = _digest(results, runs)
    if not _is_written(path, digest):
        write_text(path, _page(results, runs, digest))
    return path


def _is_written(path: Path, digest: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return f'content="{digest}"' in file.read(HEAD)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(results: Results, runs: Path) -> str:
    """Of plan and records, of why the others are missing, and of the code that makes a page of them.

    Pictures and curves are older than their job's record, and a new run has a new record.
    """
    digest = hashlib.sha256(results.digest.encode())
    for text in _reasons(results, runs):
        digest.update(text.encode())
    for path in sorted(PACKAGE.parent.rglob("*")):
        if path.suffix in (".py", ".css", ".html", ".csv", ".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _reasons(results: Results, runs: Path) -> Iterator[str]:
    for name in results.missing:
        if name in results.planned:
            yield f"{name}: {not_run_because(results, runs, results.planned[name])}\n"


def _page(results: Results, runs: Path, digest: str) -> str:
    require_extra("report", "The report")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from results.report.content import content_of

    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join((PACKAGE / name).read_text() for name in ("colours.css", "style.css"))
    page = environment.get_template("page.html")
    return page.render(content_of(results, runs), digest=digest, style=Markup(style))
