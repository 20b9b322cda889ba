"""`run_all.py data list`: the data sets and checkpoints of a profile, what is there, and where the rest comes from."""

from collections.abc import Iterator, Sequence

from commands.arguments import ProfileParser
from commands.data_needed import Needed, needed_by
from core.errors import InputError
from data.manifest import PublishedFile
from profiles.data_at_hand import profile_at_hand


def main(arguments: Sequence[str]) -> int:
    """Print a table, and for everything that is missing where it comes from; gives the exit status: 0 if all is there.

    Raises:
        InputError: the profile is not valid, or makes its data.
    """
    parser = ProfileParser("data list", __doc__, "Nothing is fetched; every address and digest has its source.")
    given = parser.parse_args(arguments)
    profile, _ = profile_at_hand(given.profile, given.overrides, given.site)
    if profile.miniature is not None:
        raise InputError(f"The profile {profile.name} makes its data: ask for one that reads some, such as paper.")
    needed = needed_by(profile)
    print(_as_text(needed))
    return 0 if all(it.is_there for it in needed) else 1


def _as_text(needed: Sequence[Needed]) -> str:
    from tabulate import tabulate

    rows = [
        {
            "needed by": it.key,
            "where": str(it.path),
            "state": "there" if it.is_there else "missing",
            "what": it.release.title if it.release else "not published by this name",
            "to fetch": "" if it.is_there or not it.release else _size(it.files),
            "sign up": "first" if it.release and it.release.sign_up and not it.is_there else "",
        }
        for it in needed
    ]
    lines = [tabulate(rows, headers="keys", disable_numparse=True)]
    missing = {it.release.title: it for it in needed if not it.is_there and it.release}
    for it in missing.values():
        lines += ["", *_described(it)]
    count = sum(not it.is_there for it in needed)
    lines += ["", f"{count} of {len(needed)} are missing." if count else "All of it is there."]
    return "\n".join(lines)


def _described(needed: Needed) -> Iterator[str]:
    """Where a release comes from, file by file."""
    assert needed.release is not None
    yield f"{needed.release.title}. Terms: {needed.release.terms}."
    if needed.release.sign_up:
        yield f"  First {needed.release.sign_up}."
    for file in needed.release.files:
        if not {it.name for it in file.each()} & {it.name for it in needed.files}:
            continue
        yield f"  {file.name}: {file.holds}"
        yield f"    {_of_content(file)}"
        for place in file.addresses:
            alive = f"last known alive on {place.alive}" if place.alive else "not known whether it is alive"
            yield f"    {place.url} ({alive}; {place.said_by})"


def _of_content(file: PublishedFile) -> str:
    digests = [f"{name} {digest}" for name, digest in (("MD5", file.md5), ("SHA-256", file.sha256)) if digest]
    size = f"{file.bytes:,} bytes" if file.bytes else "size unknown"
    source = f" (by {file.sure}: {file.stated_by})" if file.sure else ""
    return f"{size}, {', '.join(digests) or 'digest unknown'}{source}"


def _size(files: Sequence[PublishedFile]) -> str:
    """How much is to be fetched, as far as it is known."""
    known = [file.bytes for file in files if file.bytes]
    if not known:
        return "unknown"
    return f"{'at least ' * (len(known) < len(files))}{sum(known) / 1e9:,.1f} GB"
