"""Whether the tables in the folder are what the records give."""

from itertools import zip_longest

from results.audit.case import Case, Verdict
from results.plan import Results
from results.writing import FOLDER, LEFT_OUT, table_files

LONGEST = 160  # characters of a line in a sentence


def tables_equal_records(case: Case, results: Results) -> Verdict:
    """Every table, in all its forms, line by line."""
    folder = case.folder / FOLDER
    if not folder.is_dir():
        return Verdict(unchecked=[f"there are no tables (python -m results {case.folder} writes them)"])
    verdict, files = Verdict(), table_files(results)
    for name, wanted in files.items():
        try:
            found = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            verdict.breaches.append(f"The table {FOLDER}/{name}, which the records give, is not there, or is no text.")
            continue
        verdict.breaches += _differing(name, found, wanted)
    known = {path.name for path in folder.iterdir()}
    verdict.breaches += [f"The records give no table {FOLDER}/{name}." for name in sorted(known - files.keys())]
    verdict.found = f"{len(files)} files"
    return verdict


def _differing(name: str, found: str, wanted: str) -> list[str]:
    """The first line that differs; why records were left out is told with the path that they had."""
    pairs = zip_longest(found.splitlines(), wanted.splitlines(), fillvalue="")
    for number, (one, other) in enumerate(pairs, 1):
        if one != other and not (one.startswith(LEFT_OUT) and other.startswith(LEFT_OUT)):
            return [f"In {FOLDER}/{name}, line {number} is {one[:LONGEST]!r}, and by the records {other[:LONGEST]!r}."]
    return []
