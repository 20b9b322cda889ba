"""``python -m results``: tables and report of a reproduction, and the trail behind its figures, from records alone."""

import argparse
import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from core.errors import InputError
from core.exit_status import exit_status_of

DEFAULT = Path("runs/mini")
COMMANDS = (
    "tables",
    "report",
    "picture",
    "trace",
    "diff",
    "rescore",
    "compare",
    "ship",
    "ship-models",
    "schema",
    "pack",
)
AUDIT = "audit"


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence, as everything else does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 if all is well; the others are :mod:`core.exit_status`'s."""
    return exit_status_of(lambda: _command(list(sys.argv[1:] if arguments is None else arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "other commands:\n"
            "  tables [FOLDER]            the tables alone\n"
            "  report [FOLDER]            the report alone\n"
            "  picture FILE [FOLDER]      the report's main picture, as an SVG file of its own\n"
            "  trace FIGURE [FOLDER]      the trail behind a figure, such as lowshot/voc07/mopro/webvision/k=4\n"
            "  diff FOLDER FOLDER         what differs between two reproductions\n"
            "  rescore [FOLDER]           every figure anew, from what was kept of every image; which of them differ\n"
            "  compare METHOD METHOD [FOLDER]  the figures of two methods, image by image\n"
            "  ship [FOLDER]              the result of many worlds, to be set beside other runs of the same profile\n"
            "  ship-models [FOLDER]       the digests of a whole run's models, with which other runs compare theirs\n"
            "  pack [FOLDER] [--to FILE]  one archive of all but weights and images, for others to look into\n"
            "  audit ARCHIVE|FOLDER       what a reviewer would ask, rule by rule; exit status 1 where one is broken\n"
            "  schema                     the JSON Schema of records, as docs/record.schema.json has it"
        ),
    )
    _takes_runs(parser)
    return parser


def _takes_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=DEFAULT,
        metavar="FOLDER",
        help="folder of a profile's runs (default: %(default)s)",
    )


def _command(given: Sequence[str]) -> int:
    if given and given[0] == AUDIT:
        from commands.audit import main as audit  # a command that knows profiles, on top of all floors, as this is

        return audit(given[1:])
    if given and given[0] in COMMANDS:
        return _one_thing(given)
    from results.writing import write_results

    print(write_results(_parser().parse_args(given).runs))
    return 0


def _one_thing(given: Sequence[str]) -> int:
    name = given[0]
    parser = _Parser(prog=f"python -m results {name}")
    if name == "trace":
        parser.add_argument("figure", metavar="FIGURE", help="table/evaluation/method/set/metric")
    if name == "picture":
        parser.add_argument("file", metavar="FILE", type=Path, help="the SVG file to write")
    if name == "compare":
        parser.add_argument("methods", nargs=2, metavar="METHOD", help="by its name in the profile, or its title")
    if name == "diff":
        parser.add_argument("first", metavar="FOLDER", type=Path)
        parser.add_argument("second", metavar="FOLDER", type=Path)
    elif name != "schema":
        _takes_runs(parser)
    if name == "pack":
        parser.add_argument(
            "--to", type=Path, metavar="FILE", help="the archive (default: beside FOLDER, FOLDER.tar.gz)"
        )
    arguments = parser.parse_args(given[1:])
    if name == "schema":
        from results.json_schema import json_schema

        print(json.dumps(json_schema(), indent=2))
        return 0
    if name == "pack":
        from results.pack import SUFFIX, pack

        runs = arguments.runs.absolute()
        print(pack(arguments.runs, arguments.to or runs.with_name(f"{runs.name}{SUFFIX}")))
        return 0
    from results.plan import read_results

    if name == "diff":
        from results.difference import difference

        print(difference(read_results(arguments.first), read_results(arguments.second)))
        return 0
    results = read_results(arguments.runs)
    if name == "trace":
        from results.trail import trace

        print(trace(results, arguments.runs, arguments.figure))
    elif name == "picture":
        from core.files import write_text
        from results.report.pictures import standing_alone

        write_text(arguments.file, standing_alone(results))
    elif name == "rescore":
        from results.rescore import rescore

        rescored = rescore(results, arguments.runs)
        print(rescored)
        return 0 if rescored.is_well else 1
    elif name == "compare":
        from results.paired import compare

        print(compare(results, arguments.runs, *arguments.methods))
    elif name == "ship":
        from results.shipped import ship

        print(ship(results))
    elif name == "ship-models":
        from results.shipped_models import ship_models

        print(ship_models(results))
    elif name == "tables":
        from results.writing import write_tables

        print(write_tables(results, arguments.runs))
    else:
        from results.report.writing import write_report

        print(f"Report: {write_report(results, arguments.runs)}")
    return 0


if __name__ == "__main__":
    gc.disable()  # thousands of records are no garbage until the command ends; searching them takes as long as all else
    sys.exit(main())
