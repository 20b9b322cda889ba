"""``python -m results``: tables and report of a reproduction, and the trail behind its figures, from records alone."""

import argparse
import gc
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from core.errors import InputError
from core.exit_status import exit_status_of
from results.plan import read_results

DEFAULT = Path("runs/mini")
FOLDER = "[FOLDER]"


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence, as everything else does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


class _Command(NamedTuple):
    """Something other than tables and report together.

    Attributes:
        takes: its arguments, in order.
        meaning: in the help.
        run: gives the exit status.
    """

    takes: tuple[str, ...]
    meaning: str
    run: Callable[[Namespace], int]


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
        return command.run(parser.parse_args(given[1:]))
    from results.writing import write_results

    print(write_results(_parser().parse_args(given).runs))
    return 0


def _parser() -> argparse.ArgumentParser:
    lines = {f"{name} {' '.join(it.takes)}": it.meaning for name, it in COMMANDS.items()}
    lines["audit ARCHIVE|FOLDER"] = "what a reviewer would ask, rule by rule; exit status 1 where one is broken"
    width = max(map(len, lines))
    parser = _Parser(
        prog="python -m results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="other commands:\n" + "\n".join(f"  {usage:<{width}}  {meaning}" for usage, meaning in lines.items()),
    )
    _take_runs(parser)
    return parser


# What one command alone needs is imported for it alone.


def _tables(given: Namespace) -> int:
    from results.writing import write_tables

    print(write_tables(read_results(given.runs), given.runs))
    return 0


def _report(given: Namespace) -> int:
    from results.report.writing import write_report

    print(f"Report: {write_report(read_results(given.runs), given.runs)}")
    return 0


def _picture(given: Namespace) -> int:
    from core.files import write_text
    from results.report.pictures import standing_alone

    write_text(given.file, standing_alone(read_results(given.runs)))
    return 0


def _trace(given: Namespace) -> int:
    from results.trail import trace

    print(trace(read_results(given.runs), given.runs, given.figure))
    return 0


def _difference(given: Namespace) -> int:
    from results.difference import difference

    print(difference(read_results(given.first), read_results(given.second)))
    return 0


def _rescore(given: Namespace) -> int:
    from results.rescore import rescore

    rescored = rescore(read_results(given.runs), given.runs)
    print(rescored)
    return 0 if rescored.is_well else 1


def _compare(given: Namespace) -> int:
    from results.paired import compare

    print(compare(read_results(given.runs), given.runs, *given.methods))
    return 0


def _ship(given: Namespace) -> int:
    from results.shipped import ship

    print(ship(read_results(given.runs)))
    return 0


def _ship_models(given: Namespace) -> int:
    from results.shipped_models import ship_models

    print(ship_models(read_results(given.runs)))
    return 0


def _pack(given: Namespace) -> int:
    from results.pack import SUFFIX, pack

    runs = given.runs.absolute()
    print(pack(given.runs, given.to or runs.with_name(f"{runs.name}{SUFFIX}")))
    return 0


def _schema(given: Namespace) -> int:
    from results.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _take_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=DEFAULT,
        metavar="FOLDER",
        help="folder of a profile's runs (default: %(default)s)",
    )


def _take_two_folders(parser: argparse.ArgumentParser) -> None:
    for name in ("first", "second"):
        parser.add_argument(name, metavar="FOLDER", type=Path)


def _take_methods(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("methods", nargs=2, metavar="METHOD", help="by its name in the profile, or its title")


def _take_figure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help="table/evaluation/method/set/metric")


def _take_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the SVG file to write")


def _take_archive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, metavar="FILE", help="the archive (default: beside FOLDER, FOLDER.tar.gz)")


ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    FOLDER: _take_runs,
    "FOLDER FOLDER": _take_two_folders,
    "METHOD METHOD": _take_methods,
    "FIGURE": _take_figure,
    "FILE": _take_file,
    "[--to FILE]": _take_archive,
}
COMMANDS = {
    "tables": _Command((FOLDER,), "the tables alone", _tables),
    "report": _Command((FOLDER,), "the report alone", _report),
    "picture": _Command(("FILE", FOLDER), "the report's main picture, as an SVG file of its own", _picture),
    "trace": _Command(
        ("FIGURE", FOLDER),
        "the trail behind a figure, such as lowshot/voc07/mopro/webvision/k=4",
        _trace,
    ),
    "diff": _Command(("FOLDER FOLDER",), "what differs between two reproductions", _difference),
    "rescore": _Command(
        (FOLDER,), "every figure anew, from what was kept of every image; which of them differ", _rescore
    ),
    "compare": _Command(("METHOD METHOD", FOLDER), "the figures of two methods, image by image", _compare),
    "ship": _Command(
        (FOLDER,),
        "the result of many worlds, to be set beside other runs of the same profile",
        _ship,
    ),
    "ship-models": _Command(
        (FOLDER,),
        "the digests of a whole run's models, with which other runs compare theirs",
        _ship_models,
    ),
    "pack": _Command(
        (FOLDER, "[--to FILE]"), "one archive of all but weights and images, for others to look into", _pack
    ),
    "schema": _Command((), "the JSON Schema of records, as docs/record.schema.json has it", _schema),
}


if __name__ == "__main__":
    gc.disable()  # thousands of records are no garbage until the command ends; searching them takes as long as all else
    sys.exit(main())
