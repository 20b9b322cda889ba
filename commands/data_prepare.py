"""`run_all.py data prepare`: from the archives that one has to the folders that the readers take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

from commands.arguments import ProfileParser, positive
from commands.bars import Bars
from commands.data_needed import Needed, archives_folder, needed_by
from core.cores import usable_cores
from core.errors import InputError, sentence_about
from data.declaration import DataSetSpec
from data.paths import shown
from data.preparation.archives import archives_in
from data.preparation.preparing import Form, Task, prepare
from profiles.data_at_hand import profile_at_hand
from profiles.load import profile_values, root_of
from profiles.registry import DATA_SETS


@dataclass(frozen=True)
class Wanted:
    """A data set to prepare: what of it is known, and whose it is."""

    needed: Needed
    spec: DataSetSpec

    @property
    def name(self) -> str:
        """What it is called in short."""
        return self.needed.name


def main(arguments: Sequence[str]) -> int:
    """Prepare what can be; gives the exit status: 0 if everything that was asked for is there, 1 otherwise.

    Raises:
        InputError: the profile is not valid, makes its data, or has no data set of a name; there is no such folder.
    """
    parser = ProfileParser("data prepare", __doc__, "An interrupted preparation goes on where it stopped.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these data sets (such as imagenet or coco)")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="the archives, as fetch leaves them (default: archives, below data.root)",
    )
    parser.add_argument("--shards", action="store_true", help="put images into a few tar files, which readers take too")
    parser.add_argument(
        "--shorter-side",
        type=positive,
        metavar="N",
        help="resize images whose shorter side has more than N pixels; figures are others then",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=usable_cores(),
        metavar="N",
        help="processes that unpack side by side (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    profile, _ = profile_at_hand(given.profile, given.overrides, given.site)
    wanted = _wanted(needed_by(profile), given.names)
    root = root_of(profile_values(given.profile, given.overrides, given.site)[1])
    source = archives_folder(given.source, root)
    if source is None:
        raise InputError("The profile has no data.root, below which archives could lie: name their folder with --from.")
    if not source.is_dir():
        raise InputError(f"{shown(source)} is no folder: name the one that holds the archives, with --from.")
    outcomes = [_prepared(it, source, Form(given.shards, given.shorter_side), given.jobs) for it in wanted]
    return 0 if all(outcomes) else 1


def _wanted(needed: Iterable[Needed], names: Sequence[str]) -> list[Wanted]:
    """The data sets of some names, all without any; one that several sections of the profile name, once.

    Raises:
        InputError: none has such a name.
    """
    data_sets = [it for it in needed if it.is_folder]
    for name in names:
        if not any(it.is_called(name) for it in data_sets):
            known = ", ".join(it.name for it in data_sets)
            raise InputError(f"There is no data set {name}, expected one of {known}.")
    specs = {spec.key: spec for spec in DATA_SETS}
    by_place: dict[Path, Wanted] = {}
    for it in data_sets:
        if not names or any(map(it.is_called, names)):
            by_place.setdefault(it.path, Wanted(it, specs[it.key.split(".")[1]]))
    return list(by_place.values())


def _prepared(wanted: Wanted, source: Path, form: Form, jobs: int) -> bool:
    """Whether a data set is there in the end; says what was done, or in one sentence why it was not."""
    place = wanted.needed.path
    if wanted.needed.is_there:
        print(f"{wanted.name}: there already, in {shown(place)}; left as it is.")
        return True
    try:
        _prepare(wanted, source, form, jobs)
    except InputError as error:
        print(f"{wanted.name}: {error.sentence}")
        return False
    except OSError as error:
        sentence = sentence_about(error)
        if sentence is None:
            raise
        print(f"{wanted.name}: {sentence}")
        return False
    print(f"{wanted.name}: prepared in {shown(place)}.")
    return True


def _prepare(wanted: Wanted, source: Path, form: Form, jobs: int) -> None:
    spec, place, release = wanted.spec, wanted.needed.path, wanted.needed.release
    if release is None or not spec.preparation or not spec.finder:
        raise InputError(
            f"Nothing is published by what the profile says of {wanted.needed.key}: put its images into "
            f"{shown(place)} yourself."
        )
    preparation = resolve_name(spec.preparation)
    if form.shards and not preparation.shard_folders:
        print(f"{wanted.name}: its reader takes no shards, so its images become files.")
    if form.shorter_side and preparation.marks_pixels:
        print(f"{wanted.name}: its annotations are in pixels, so its images keep their size.")
    own = Form(form.shards and bool(preparation.shard_folders), None if preparation.marks_pixels else form.shorter_side)
    archives = archives_in(source / release.folder, wanted.needed.files)
    task = Task(place, resolve_name(spec.finder).structure, preparation, archives, own)
    with Bars("MB") as bars:
        prepare(task, jobs, lambda done, total: bars.progress(wanted.name, done // 10**6, total // 10**6))
