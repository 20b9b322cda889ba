"""`run_all.py data fetch`: fetches the published files that a profile needs, as far as they are missing."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import ProfileParser, positive
from commands.data_needed import Needed, archives_folder, needed_by
from core.errors import InputError
from data.fetching.addresses import Addresses
from data.fetching.carried import Carried
from data.fetching.content import UNKNOWN
from data.fetching.curl import require_curl
from data.fetching.fetching import Outcome, fetch
from data.fetching.script import script_of
from data.fetching.wanted import Source, Wanted
from data.fetching.watch import Watch
from profiles.data_at_hand import profile_at_hand
from profiles.load import profile_values, root_of

if TYPE_CHECKING:
    from rich.progress import TaskID

SIDE_BY_SIDE = 4
EPILOG = (
    "Archives come into --to; checkpoints and lists to where the profile expects them. The same command, given again, "
    "goes on."
)


def main(arguments: Sequence[str]) -> int:
    """Fetch, and print one sentence about each file; gives the exit status: 0 if all that was asked for is there.

    Raises:
        InputError: the profile is not valid, or makes its data; there is no such name; there is no curl or no room.
        OSError: a disk is full, or cannot be written to.
    """
    parser = ProfileParser("data fetch", __doc__, EPILOG)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="only these data sets (coco), methods (moco-v2), or files (val2017.zip)",
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="for archives (default: archives, below data.root)")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--from", dest="carried", type=Path, metavar="FOLDER", help="take files from there alone")
    ways.add_argument("--print", action="store_true", help="print a shell script for another machine, fetch nothing")
    parser.add_argument(
        "--jobs", type=positive, default=SIDE_BY_SIDE, metavar="N", help="files side by side (default: %(default)s)"
    )
    given = parser.parse_args(arguments)
    profile, _ = profile_at_hand(given.profile, given.overrides, given.site)
    root = root_of(profile_values(given.profile, given.overrides, given.site)[1])
    asked = _asked(needed_by(profile), given.names)
    missing = [it for it in asked if not it.is_there]
    files = _wanted(missing, archives_folder(given.to, root))
    if given.print:
        print(script_of(it for it in files if not it.path.exists()))
        return 0
    for it in asked:
        if it.is_there:
            print(f"{it.path} is there.")
        elif it.release is None:
            print(f"{it.path} is not there, and nobody publishes a file of this name: put it there ({it.key}).")
    are_there = not files or _fetch(files, _source(given.carried), given.jobs)
    return 0 if are_there and all(it.release for it in missing) else 1


def _asked(needed: Sequence[Needed], names: Sequence[str]) -> list[Needed]:
    """What is called by one of some names, or has files that are, with these alone; all without names.

    Raises:
        InputError: nothing is called so.
    """
    known = dict.fromkeys(name for it in needed for name in (it.name, *(file.name for file in it.files)))
    for name in names:
        if name not in known and not any(it.is_called(name) for it in needed):
            (near,) = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise InputError(f"The profile needs nothing that is called {name!a}; did you mean {near!r}?")
    if not names:
        return list(needed)
    whole = [it for it in needed if any(map(it.is_called, names))]
    parts = [it._replace(files=[file for file in it.files if file.name in names]) for it in needed if it not in whole]
    return whole + [it for it in parts if it.files]


def _wanted(missing: Sequence[Needed], folder: Path | None) -> list[Wanted]:
    """The files of what is missing, each once; ``folder`` is for those that are archives.

    Raises:
        InputError: there are such, and there is no folder.
    """
    by_path = {}
    for it, release in ((it, it.release) for it in missing if it.release):
        if it.is_folder and folder is None:
            raise InputError("The profile has no data.root, below which archives could lie: name a folder with --to.")
        for file in it.files:
            name = str(Path(release.folder, file.name))
            path = Path(folder, name) if it.is_folder and folder else it.path
            by_path[path.absolute()] = Wanted(file, name, path.absolute(), release.sign_up)
    return list(by_path.values())


def _source(carried: Path | None) -> Source:
    """Where files come from: a folder, or their addresses.

    Raises:
        InputError: there is no such folder; or no curl.
    """
    if carried is None:
        require_curl()
        return Addresses()
    if not carried.is_dir():
        raise InputError(f"--from names {carried}, which is no folder: name the one that holds the files.")
    return Carried(carried.absolute())


def _fetch(files: Sequence[Wanted], source: Source, side_by_side: int) -> bool:
    """Fetch, and show how it goes; whether all are there."""
    with _Bars() as bars:
        return fetch(files, source, Watch(bars.progress), side_by_side, bars.say)


class _Bars:
    """A bar for each file that is under way, on a terminal, then a sentence about it; a context manager."""

    def __enter__(self) -> "_Bars":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        console = Console()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._under_way: dict[str, TaskID] = {}
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Move the bar of something."""
        if what not in self._under_way:
            self._under_way[what] = self._bars.add_task(what, completed=done, total=total)
        self._bars.update(self._under_way[what], completed=done, total=total)

    def say(self, outcome: Outcome) -> None:
        """Take the bars of a file away, and say what became of it."""
        wanted, fetched = outcome.wanted, outcome.fetched
        for what in (wanted.name, wanted.checking):
            if (task := self._under_way.pop(what, None)) is not None:
                self._bars.remove_task(task)
        if fetched is None:
            print(f"{wanted.name} is not there: {outcome.why_not}.", flush=True)
        else:
            digest = f"digest {fetched.digest}" + f" (found: {fetched.sha256})" * (fetched.digest == UNKNOWN)
            print(f"{wanted.path} is there: {fetched.bytes:,} bytes, {digest}.", flush=True)
