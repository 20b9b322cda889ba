"""Files from their addresses, one after the other until one gives all of it; what has come stays for the next attempt.

A part goes on where its end can be checked by a digest, wherever it came from. Where no digest is known, it goes on at
its own address alone, and only if the server says that its file has stayed the same; otherwise it is begun anew.
"""

from collections.abc import Sequence
from http import HTTPStatus

from data.fetching.content import Content, NotTheFileError
from data.fetching.curl import NO_RANGES, Answer, append
from data.fetching.part import Origin, Part
from data.fetching.wanted import Brought, NotThereError, Wanted
from data.fetching.watch import Watch

PAUSES = (2, 10, 30, 60)  # seconds, each before another attempt; all of them again once something has come
BEYOND_THE_END = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
PASSING_ANSWERS = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)  # and those of a server that fails
# No connection, half a file, no speed, no handshake, no answer, errors while sending and receiving, and of HTTP/2.
PASSING_FAILURES = (7, 18, 28, 35, 52, 55, 56, 16, 92)


class Addresses:
    """The addresses at which files are published.

    Args:
        pauses: seconds, each before another attempt at the same address; all of them again once something has come.
    """

    def __init__(self, pauses: Sequence[float] = PAUSES) -> None:
        self._pauses = pauses

    def room_for(self, wanted: Wanted) -> int:
        return 0 if wanted.sign_up else max(0, (wanted.file.bytes or 0) - Part(wanted.path).size)

    def bring(self, wanted: Wanted, watch: Watch) -> Brought:
        if wanted.sign_up:
            raise NotThereError(f"first {wanted.sign_up}; then give the folder that it is in with --from")
        said = []
        for place in wanted.file.addresses:
            try:
                return Brought(Part(wanted.path).path, place.url, self._from(place.url, wanted, watch))
            except NotThereError as error:
                said.append(f"{place.url} {error}")
            except NotTheFileError as error:
                said.append(f"{place.url} gives another file ({error})")
        raise NotThereError("; ".join(said) or "no address of it is known")

    def _from(self, url: str, wanted: Wanted, watch: Watch) -> Content:
        """All of a file from one address, or what another one lacks; what is wrong in that is asked for once more."""
        part = Part(wanted.path)
        while True:
            _discard_unknown(part, url, wanted)
            is_continued = part.size > 0
            if part.size != wanted.file.bytes:  # it may have come, and not yet been checked
                self._complete(part, url, wanted, watch)
            if not part.size:
                raise NotThereError("gives an empty file")
            try:
                return wanted.content_at(part.path, watch)
            except NotTheFileError:
                part.discard()
                if not is_continued:
                    raise

    def _complete(self, part: Part, url: str, wanted: Wanted, watch: Watch) -> None:
        """Ask for the rest of a part until it has come.

        Raises:
            NotThereError: it does not come.
        """
        pauses, furthest = iter(self._pauses), part.size
        while True:
            _discard_unknown(part, url, wanted)
            size, answer = part.size, _attempt(part, url, wanted, watch)
            is_beyond_the_end = answer.status == BEYOND_THE_END
            if answer.total == size if is_beyond_the_end else not answer.failure:
                return
            if answer.failure == NO_RANGES and answer.is_page:
                raise NotThereError("answered with a web page")
            if answer.failure == NO_RANGES or (size and is_beyond_the_end):
                part.discard()
                continue
            if part.size > furthest:
                pauses, furthest = iter(self._pauses), part.size
            elif not _may_pass(answer):
                raise NotThereError(_reason(answer))
            pause = next(pauses, None)
            if pause is None:
                raise NotThereError(_reason(answer))
            watch.pause(pause)


def _attempt(part: Part, url: str, wanted: Wanted, watch: Watch) -> Answer:
    """Ask once for the rest of a part; where no digest is known, only of the very file that it began with."""
    size, origin = part.size, part.origin
    is_the_same = [f"If-Range: {origin.validator}"] if size and origin and not wanted.file.has_digest else []

    def begin(answer: Answer) -> None:
        if not size:
            part.origin = Origin(address=url, validator=_validator(answer))

    def tell(done: int, total: int | None) -> None:
        watch.tell(wanted.name, done, wanted.file.bytes or total)

    return append(url, part.path, size, is_the_same, begin, tell)


def _discard_unknown(part: Part, url: str, wanted: Wanted) -> None:
    """Discard a part that could become one of two files: no digest would tell, nor would the server at its address."""
    origin = part.origin
    can_be_asked = origin is not None and origin.address == url and origin.validator is not None
    if not (wanted.file.has_digest or can_be_asked):
        part.discard()


def _validator(answer: Answer) -> str | None:
    """What tells that a server's file has stayed the same."""
    etag = answer.headers.get("etag", "")
    found = etag if etag.startswith('"') else answer.headers.get("last-modified", "")  # W/"..." says alike, not same
    return found if found and found.isascii() and found.isprintable() else None


def _may_pass(answer: Answer) -> bool:
    """Whether the same request may be answered better in a while."""
    if answer.status and answer.status >= HTTPStatus.BAD_REQUEST:
        return answer.status in PASSING_ANSWERS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return answer.failure in PASSING_FAILURES or answer.failure < 0  # killed


def _reason(answer: Answer) -> str:
    """Why a file has not come, as what an address did."""
    if not answer.status or answer.status < HTTPStatus.BAD_REQUEST:
        return f"gave no whole file ({answer.said or f'curl ended with {answer.failure}'})"
    known = answer.status in HTTPStatus._value2member_map_
    return f"answered {answer.status}{f' ({HTTPStatus(answer.status).phrase})' if known else ''}"
