"""One request by curl, which knows redirects, proxies and certificates; what is received goes on behind a file.

It comes through a pipe: curl ends with the process that reads, and never writes on into a file that the next process
continues. Each attempt is a process of its own: within one, curl throws away what an attempt has brought.
"""

import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import InputError
from core.files import naming

OPTIONS = (
    *("curl", "--silent", "--show-error", "--no-buffer", "--fail", "--location", "--globoff"),
    *("--proto", "=http,https", "--proto-redir", "=http,https"),
    *("--connect-timeout", "30", "--speed-limit", "1000", "--speed-time", "60"),  # bytes a second, for seconds
)
NO_RANGES = 33  # curl's exit status where a server does not send the rest alone
STATUS_LINE = re.compile(r"^HTTP/\S+ (\d{3}).*$", re.MULTILINE)
BYTES_AT_ONCE = 1 << 18
SECONDS_TO_WAIT = 0.5


class Answer(NamedTuple):
    """How a request ended.

    Attributes:
        status: HTTP's, of the last answer after all redirects; None where none came.
        headers: of that answer, by their names in lower case.
        failure: curl's exit status; 0 where all that was announced has come.
        said: by curl, of a failure.
    """

    status: int | None
    headers: Mapping[str, str]
    failure: int = 0
    said: str = ""

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, as announced."""
        if found := re.fullmatch(r"bytes [\d*-]+/(\d+)", self.headers.get("content-range", "")):
            return int(found[1])
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() and self.status == 200 else None

    @property
    def is_page(self) -> bool:
        """Whether it is, or brings, a page for people."""
        return self.headers.get("content-type", "").startswith("text/html")


def require_curl() -> None:
    """Make sure that curl is installed.

    Raises:
        InputError: it is not.
    """
    if shutil.which(OPTIONS[0]) is None:
        raise InputError(
            "There is no curl on this machine, which downloads: install it (as a package of the system, curl), or "
            "give --print for a script that fetches the files on another machine, and take them from there with --from."
        )


def append(
    url: str,
    path: Path,
    size: int,
    headers: Sequence[str],
    begin: Callable[[Answer], None],
    tell: Callable[[int, int | None], None],
) -> Answer:
    """Ask for a file, or for its rest, and write what comes behind what is there.

    Args:
        url: of the file.
        path: to be written to.
        size: bytes that are there, behind which the rest is asked for.
        headers: to be sent too, such as ``If-Range: "x"``.
        begin: called with how the answer begins, before any of it is written.
        tell: called with the bytes that are there and those of the whole file, at least every second; may raise.

    Raises:
        OSError: the file cannot be written.
    """
    line = [*OPTIONS, *(part for header in headers for part in ("--header", header))]
    line += ["--continue-at", str(size)] if size else []
    with (
        tempfile.NamedTemporaryFile() as head,
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [*line, "--dump-header", head.name, "--url", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            bufsize=0,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            _write(process.stdout, path, size, lambda: _answer(Path(head.name)), begin, tell)
        except BaseException:
            process.terminate()
            raise
        failure = process.wait()
        said.seek(0)
        text = said.read().decode(errors="replace")
        return _answer(Path(head.name))._replace(failure=failure, said=_reason(text))


def _write(
    source: IO[bytes],
    path: Path,
    size: int,
    answer: Callable[[], Answer],
    begin: Callable[[Answer], None],
    tell: Callable[[int, int | None], None],
) -> None:
    """Write behind a file what a process prints, until it ends."""
    chunks = _chunks(source)
    for first in chunks:
        tell(size, None)
        if first:
            break
    else:
        return
    begun = answer()
    begin(begun)
    with naming(path), open(path, "ab") as file:
        for chunk in chain([first], chunks):
            file.write(chunk)
            size += len(chunk)
            tell(size, begun.total)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    """What comes from a pipe until its end; an empty one whenever nothing has come for a while."""
    while True:
        if not select.select([source], [], [], SECONDS_TO_WAIT)[0]:
            yield b""
        elif chunk := source.read(BYTES_AT_ONCE):
            yield chunk
        else:
            return


def _answer(head: Path) -> Answer:
    """The last answer among headers that curl has written, as far as it has."""
    text = head.read_bytes().decode("latin-1").replace("\r\n", "\n")
    answers = list(STATUS_LINE.finditer(text))
    if not answers:
        return Answer(None, {})
    last = answers[-1]
    fields = (line.partition(":") for line in text[last.end() :].splitlines())
    return Answer(int(last[1]), {name.strip().lower(): value.strip() for name, _, value in fields})


def _reason(text: str) -> str:
    """What curl says went wrong, without its name and number."""
    return re.sub(r"^curl: \(\d+\) ", "", (text.strip().splitlines() or [""])[-1])
