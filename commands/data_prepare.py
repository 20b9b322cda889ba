"""`run_all.py data prepare`: from the archives that one has to the folders that the readers take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

from commands.arguments import ProfileParser, positive
from commands.bars import Bars
from commands.data_needed import Needed, needed_by
from core.cores import usable_cores
from core.errors import InputError, sentence_about
from data.declaration import DataSetSpec
from data.paths import shown
from data.preparation.archives import archives_in
from data.preparation.preparing import Form, Task, prepare
from profiles.data_at_hand import profile_at_hand
from profiles.registry import DATA_SETS


@dataclass(frozen=True)
class Wanted:
    """A data set to prepare: its name, what of it is known, and whose it is."""

    name: str
    needed: Needed
    spec: DataSetSpec


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
        required=True,
        metavar="FOLDER",
        help="the archives, by their published names; some may lie in a folder in it that is called as the data set's",
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
    if profile.miniature is not None:
        raise InputError(f"The profile {profile.name} makes its data: ask for one that reads some, such as paper.")
    if not given.source.is_dir():
        raise InputError(f"The folder {shown(given.source)} does not exist: name the one that holds the archives.")
    wanted = _wanted(needed_by(profile), given.names)
    outcomes = [_prepared(it, given.source, Form(given.shards, given.shorter_side), given.jobs) for it in wanted]
    return 0 if all(outcomes) else 1


def _wanted(needed: Iterable[Needed], names: Sequence[str]) -> list[Wanted]:
    """The data sets of some names, all without any; one that several sections of the profile name, once.

    Raises:
        InputError: none has such a name.
    """
    specs = {spec.key: spec for spec in DATA_SETS}
    known: dict[str, Wanted] = {}
    for it in needed:
        root, key, *parts = it.key.removesuffix(".folder").split(".")
        if root == "data":
            name = parts[0] if parts else key.replace("_", "-")
            known[name] = Wanted(name, it, specs[key])
    chosen = [name.replace("_", "-") for name in names] or list(known)
    if strangers := [name for name in chosen if name not in known]:
        raise InputError(f"There is no data set {strangers[0]}, expected one of {', '.join(known)}.")
    by_place: dict[Path, Wanted] = {}
    for name in chosen:
        by_place.setdefault(known[name].needed.path, known[name])
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
    archives = archives_in((source / place.name, source), wanted.needed.files)
    task = Task(place, resolve_name(spec.finder).structure, preparation, archives, own)
    with Bars("MB") as bars:
        prepare(task, jobs, lambda done, total: bars.progress(wanted.name, done // 10**6, total // 10**6))
