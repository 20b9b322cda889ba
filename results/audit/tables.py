"""Whether the tables in the folder are what the records give."""

from itertools import zip_longest
from pathlib import Path

from results.audit.case import Case, Verdict
from results.plan import Results
from results.writing import FOLDER, LEFT_OUT, table_files

BEFORE, BEHIND = 30, 60  # characters that are shown around the first that differs


def tables_equal_records(case: Case, results: Results) -> Verdict:
    """Every table, in all its forms, line by line."""
    folder = case.folder / FOLDER
    if not folder.is_dir():
        return Verdict(unchecked=[f"there are no tables (python -m results {case.folder} writes them)"])
    files = table_files(results)
    verdict, differing = Verdict(f"{len(files)} files"), dict[str, list[str]]()
    for name, wanted in files.items():
        difference = _difference(folder / name, wanted)
        if difference:
            differing.setdefault(difference, []).append(name)
    for difference, names in differing.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        verdict.breaches.append(f"In {FOLDER}/{names[0]}{others}, {difference}.")
    known = {path.name for path in folder.iterdir()}
    verdict.breaches += [f"The records give no table {FOLDER}/{name}." for name in sorted(known - files.keys())]
    return verdict


def _difference(path: Path, wanted: str) -> str:
    """The first line that differs, if one does; why records were left out is told with the path that they had."""
    try:
        found = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "nothing is there, which the records give"
    except (OSError, UnicodeDecodeError):
        return "no text can be read"
    for one, other in zip_longest(found.splitlines(), wanted.splitlines(), fillvalue=""):
        if one != other and not (one.startswith(LEFT_OUT) and other.startswith(LEFT_OUT)):
            pairs = zip_longest(one, other)
            at = max(next(place for place, (a, b) in enumerate(pairs) if a != b) - BEFORE, 0)
            return f"a line says {_part(one, at)}, and by the records {_part(other, at)}"
    return ""


def _part(line: str, at: int) -> str:
    return f"{'... ' if at else ''}{line[at : at + BEFORE + BEHIND].strip() or 'nothing'}"
