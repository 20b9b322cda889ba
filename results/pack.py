"""Packs a reproduction, without its weights and images, into one archive for other people to look into."""

import gzip
import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import InputError
from core.exhibits import CURVES_FILE
from core.files import read_whole, written_atomically
from core.workspace import VERIFICATION_FOLDER
from results.plan import ERROR_FILE, PLAN_FILE, Results, read_results
from results.records import RECORD_FILE
from results.unpack import SUFFIX
from results.writing import FOLDER as TABLES

OF_A_RECORD = (RECORD_FILE, CURVES_FILE)
BESIDE_A_RECORD = ("config.json", "starts.json", ERROR_FILE)
LOGS = re.compile(r"log(\.rank\d+)?\.txt")
CODE = "code"  # below a profile's runs: copies of the code, and of users' files
NOTE_OF_CODE = "code.json"  # in a copy of the suite
DESCRIBE_CODE = (NOTE_OF_CODE, "requirements.lock")  # with the difference from the commit, what is taken of such a copy
DIFFERENCE = ".patch"
MODE = 0o644


def pack(runs: Path, archive: Path, *, records_alone: bool = False) -> str:
    """Write the archive, atomically; gives a sentence about it.

    Records alone are a small part of it: enough for every table and for the trail behind each figure, but no figure can
    be computed anew from them.

    The same files give the same bytes: names are sorted, times and owners left out. In logs, the paths of the folder
    and of the user's home are replaced; plan and records, which are sealed, keep those of the data.

    Raises:
        InputError: there is no plan in the folder, or it cannot be used; the archive's name promises another format.
    """
    if not archive.name.endswith(SUFFIX):
        raise InputError(
            f"The archive is to be {archive}, expected a name that ends in {SUFFIX}, as that is its format."
        )
    results = read_results(runs)
    choose = _of_the_records if records_alone else _of_everything
    files = dict(sorted(_there(runs, choose(results, runs))))
    top = runs.resolve().name
    with (
        written_atomically(archive) as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files.items():
            content = read_whole(str(path))
            _add(tar, f"{top}/{name}", _without_places(content, runs) if _is_for_people(path) else content)
    absent = [] if records_alone else [name for name in _outputs(results) if name not in files]
    lacking = f"; {len(absent)} outputs that records name are not there, such as {absent[0]}" if absent else ""
    return f"{len(files)} files, {archive.stat().st_size / 1e6:.1f} MB{lacking}: {archive}"


def _there(runs: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Those of some files that are there, by their paths below the folder."""
    for name in names:
        if (runs / name).is_file() and not name.rpartition("/")[2].startswith("."):  # those are half written
            yield name, runs / name


def _of_the_records(results: Results, runs: Path) -> Iterator[str]:
    """What tables, report and trail are made from."""
    yield PLAN_FILE
    for job in results.jobs:
        yield from (f"{job.folder}/{name}" for name in OF_A_RECORD)
    yield from (f"{CODE}/{path.relative_to(runs / CODE)}" for path in _about_code(runs / CODE))


def _of_everything(results: Results, runs: Path) -> Iterator[str]:
    """All but weights and images."""
    yield from _of_the_records(results, runs)
    yield from _outputs(results)
    for job in results.jobs:
        yield from (f"{job.folder}/{name}" for name in BESIDE_A_RECORD)
        logs = (runs / job.folder).glob("log*.txt")
        yield from (f"{job.folder}/{path.name}" for path in logs if LOGS.fullmatch(path.name))
    for folder, pattern in ((TABLES, "*"), (VERIFICATION_FOLDER, "*.json"), (VERIFICATION_FOLDER, "*.txt")):
        yield from (str(path.relative_to(runs)) for path in (runs / folder).rglob(pattern))


def _outputs(results: Results) -> list[str]:
    """Of all records."""
    return [f"{job.folder}/{output.file}" for job, record in results.done for output in (record.outputs or {}).values()]


def _about_code(folder: Path) -> Iterator[Path]:
    """Of each copy of the suite, what describes it; of users' files, the copies themselves."""
    for copy in folder.glob("[!.]*"):
        if not (copy / NOTE_OF_CODE).exists():
            yield from copy.glob("*.py")
            continue
        yield from (copy / name for name in DESCRIBE_CODE)
        yield from copy.glob(f"*{DIFFERENCE}")


def _is_for_people(path: Path) -> bool:
    return path.name == ERROR_FILE or LOGS.fullmatch(path.name) is not None


def _without_places(text: bytes, runs: Path) -> bytes:
    """A log in which the folder of the runs and the user's home have no names."""
    for place, stands_for in ((runs.absolute(), b"<runs>"), (runs.resolve(), b"<runs>"), (Path.home(), b"~")):
        if len(place.parts) > 1:  # never the root, such as the home of a process without a user
            text = re.sub(re.escape(bytes(place)) + rb"(?![\w.-])", stands_for, text)
    return text


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), MODE
    tar.addfile(member, io.BytesIO(content))
