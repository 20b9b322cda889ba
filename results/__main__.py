"""``python -m results``: tables and report of a reproduction, and the trail behind its figures, from records alone."""

import argparse
import gc
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, NoReturn

from core.errors import InputError
from core.exit_status import exit_status_of
from results.plan import read_results
from results.unpack import SUFFIX, name_of, unpacked

DEFAULT = Path("runs/mini")
WRITTEN_TO = Path("runs/archives")  # tables and report of an archive, apart from everybody's own runs
PLACE = "[PLACE]"
PLACES = ("runs", "first", "second")  # arguments that may be archives


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence, as everything else does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


class _Answer(NamedTuple):
    """What a command prints, and whether all that it looked at is well."""

    text: str
    is_well: bool = True


class _Command(NamedTuple):
    """Something other than tables and report together.

    Attributes:
        takes: its arguments, in order.
        meaning: in the help.
        answer: from the arguments, in which every archive was opened.
    """

    takes: tuple[str, ...]
    meaning: str
    answer: Callable[[Namespace], _Answer]


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 if all is well; the others are :mod:`core.exit_status`'s."""
    return exit_status_of(lambda: _run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(given: Sequence[str]) -> int:
    if given and given[0] == "audit":
        from commands.audit import main as audit  # a command that knows profiles, on top of all floors, as this is

        return audit(given[1:])
    if given and given[0] in COMMANDS:
        command = COMMANDS[given[0]]
        parser = _Parser(prog=f"python -m results {given[0]}")
        for argument in command.takes:
            ARGUMENTS[argument](parser)
        return _said(command.answer, parser.parse_args(given[1:]))
    return _said(_all, _parser().parse_args(given))


def _said(answer: Callable[[Namespace], _Answer], given: Namespace) -> int:
    """Open the archives among the arguments and print the answer, with their names in it; gives the exit status."""
    archives = {name: place for name in PLACES if (place := getattr(given, name, None)) and place.is_file()}
    if "runs" in archives:
        given.beside = WRITTEN_TO / name_of(archives["runs"])

    def as_given(text: str) -> str:
        for name, archive in archives.items():
            text = text.replace(str(getattr(given, name)), str(archive))
        return text

    with ExitStack() as opened:
        for name, archive in archives.items():
            setattr(given, name, opened.enter_context(unpacked(archive)))
        try:
            text, is_well = answer(given)
        except InputError as error:
            raise InputError(as_given(error.sentence)) from None
    print(as_given(text))
    return 0 if is_well else 1


def _parser() -> argparse.ArgumentParser:
    lines = {f"{name} {' '.join(it.takes)}": it.meaning for name, it in COMMANDS.items()}
    lines[f"audit {PLACE[1:-1]}"] = "what a reviewer would ask, rule by rule; exit status 1 where one is broken"
    width = max(map(len, lines))
    parser = _Parser(
        prog="python -m results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="other commands:\n"
        + "\n".join(f"  {usage:<{width}}  {meaning}" for usage, meaning in lines.items())
        + f"\n\nTables and report of an archive are written to {WRITTEN_TO}/, into a folder of its name.",
    )
    _take_place(parser)
    return parser


# What one command alone needs is imported for it alone.


def _all(given: Namespace) -> _Answer:
    from results.writing import write_results

    return _Answer(write_results(given.runs, given.beside))


def _tables(given: Namespace) -> _Answer:
    from results.writing import write_tables

    return _Answer(write_tables(read_results(given.runs), given.beside or given.runs))


def _report(given: Namespace) -> _Answer:
    from results.report.writing import write_report

    return _Answer(f"Report: {write_report(read_results(given.runs), given.runs, given.beside)}")


def _summary(given: Namespace) -> _Answer:
    from results.claim_tables import summary

    return _Answer(summary(read_results(given.runs)))


def _picture(given: Namespace) -> _Answer:
    from core.extras import require_extra
    from core.files import write_text

    require_extra("report", "The picture")
    from results.report.pictures import standing_alone

    write_text(given.file, standing_alone(read_results(given.runs)))
    return _Answer(f"Picture: {given.file}")


def _trace(given: Namespace) -> _Answer:
    from results.trail import trace

    return _Answer(trace(read_results(given.runs), given.runs, given.figure))


def _difference(given: Namespace) -> _Answer:
    from results.difference import difference

    return _Answer(difference(read_results(given.first), read_results(given.second)))


def _replication(given: Namespace) -> _Answer:
    from results.replication import replication

    return _Answer(replication(read_results(given.first), read_results(given.second)))


def _rescore(given: Namespace) -> _Answer:
    from results.rescore import rescore

    rescored = rescore(read_results(given.runs), given.runs)
    return _Answer(str(rescored), rescored.is_well)


def _compare(given: Namespace) -> _Answer:
    from results.paired import compare

    return _Answer(compare(read_results(given.runs), given.runs, *given.methods))


def _ship(given: Namespace) -> _Answer:
    from results.shipped import ship

    return _Answer(ship(read_results(given.runs)))


def _ship_models(given: Namespace) -> _Answer:
    from results.shipped_models import ship_models

    return _Answer(ship_models(read_results(given.runs)))


def _pack(given: Namespace) -> _Answer:
    from results.pack import pack

    runs = given.folder.absolute()
    archive = given.to or runs.with_name(f"{runs.name}{SUFFIX}")
    return _Answer(pack(given.folder, archive, records_alone=given.records_alone))


def _schema(given: Namespace) -> _Answer:
    from results.json_schema import json_schema

    return _Answer(json.dumps(json_schema(), indent=2))


def _take_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=DEFAULT,
        metavar=PLACE[1:-1],
        help="folder of a profile's runs, or an archive of one (default: %(default)s)",
    )
    parser.set_defaults(beside=None)


def _take_two_places(parser: argparse.ArgumentParser) -> None:
    for name in ("first", "second"):
        parser.add_argument(name, metavar=PLACE[1:-1], type=Path)


def _take_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=DEFAULT,
        metavar="FOLDER",
        help="of a profile's runs (default: %(default)s)",
    )


def _take_methods(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("methods", nargs=2, metavar="METHOD", help="by its name in the profile, or its title")


def _take_figure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help="table/evaluation/method/set/metric")


def _take_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the SVG file to write")


def _take_archive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, metavar="FILE", help=f"the archive (default: beside FOLDER, FOLDER{SUFFIX})")


def _take_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records-alone", action="store_true", help="enough for all tables, but not for rescore")


ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    PLACE: _take_place,
    "PLACE PLACE": _take_two_places,
    "[FOLDER]": _take_folder,
    "METHOD METHOD": _take_methods,
    "FIGURE": _take_figure,
    "FILE": _take_file,
    "[--to FILE]": _take_archive,
    "[--records-alone]": _take_what,
}
COMMANDS = {
    "tables": _Command((PLACE,), "the tables alone", _tables),
    "report": _Command((PLACE,), "the report alone", _report),
    "summary": _Command((PLACE,), "the claims in one small table, as the README has them", _summary),
    "picture": _Command(("FILE", PLACE), "the report's main picture, as an SVG file of its own", _picture),
    "trace": _Command(
        ("FIGURE", PLACE),
        "the trail behind a figure, such as lowshot/voc07/mopro/webvision/k=4",
        _trace,
    ),
    "diff": _Command(("PLACE PLACE",), "what differs between two reproductions", _difference),
    "replication": _Command(
        ("PLACE PLACE",), "whether other worlds say of the same claims what the first ones said", _replication
    ),
    "rescore": _Command(
        (PLACE,), "every figure anew, from what was kept of every image; which of them differ", _rescore
    ),
    "compare": _Command(("METHOD METHOD", PLACE), "the figures of two methods, image by image", _compare),
    "ship": _Command(
        (PLACE,),
        "the result of many worlds, to be set beside other runs of the same profile",
        _ship,
    ),
    "ship-models": _Command(
        (PLACE,),
        "the digests of a whole run's models, with which other runs compare theirs",
        _ship_models,
    ),
    "pack": _Command(
        ("[FOLDER]", "[--to FILE]", "[--records-alone]"),
        "one archive of all but weights and images, for others to look into",
        _pack,
    ),
    "schema": _Command((), "the JSON Schema of records, as docs/record.schema.json has it", _schema),
}


if __name__ == "__main__":
    gc.disable()  # thousands of records are no garbage until the command ends; searching them takes as long as all else
    sys.exit(main())
