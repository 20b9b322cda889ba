"""A digest at the end of a JSON object on disk, over all that comes before it: an edit is noticed.

What counts are names and values in their order. Spaces and line breaks do not, so that a file that a tool has indented
anew is still the same. A file as it was written is recognised by its bytes, without being parsed: thousands of them
are read at once.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

KEY = "digest"
BEFORE, AFTER = f',\n  "{KEY}": "', '"\n}\n'
LENGTH = len(BEFORE) + 64 + len(AFTER)  # of the digest's line and the closing brace


def sealed(content: Mapping[str, Any]) -> str:
    """The text of a file: the content, which has at least one key, and its digest.

    Raises:
        ValueError: the content holds NaN or infinity.
    """
    text = _canonical(content)
    return text.removesuffix("\n}") + BEFORE + _digest(text) + AFTER


def is_as_written(file: bytes) -> bool:
    """Whether the file is what :func:`sealed` gave, byte by byte."""
    end = len(file) - LENGTH
    if end < 0 or not file.startswith(BEFORE.encode(), end) or not file.endswith(AFTER.encode()):
        return False
    digest = hashlib.sha256(memoryview(file)[:end])
    digest.update(b"\n}")
    return file.startswith(digest.hexdigest().encode(), end + len(BEFORE))


def opened(file: bytes) -> dict[str, Any]:
    """The object in a file, its digest included; of a name that appears twice, the last value.

    Raises:
        ValueError: it is no JSON, no object, or holds NaN or infinity; the message says which.
    """
    try:
        content = json.loads(file, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except _NotFiniteError:
        raise
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def fits(content: Mapping[str, Any]) -> bool:
    """Whether the digest in the content is that of the rest.

    Raises:
        ValueError: the content holds infinity.
    """
    rest = {name: value for name, value in content.items() if name != KEY}
    try:
        return content.get(KEY) == _digest(_canonical(rest))
    except ValueError:
        raise _NotFiniteError from None


def plain(value: Any, place: str = "") -> Any:
    """The value as a file holds it: bytes of a path that are no text are spelt out.

    Raises:
        ValueError: a number is not finite, or something is no plain value.
    """
    if isinstance(value, Mapping):
        return {plain(str(name), place): plain(item, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{place}.{number}") for number, item in enumerate(value)]
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        raise ValueError(f"{place.removeprefix('.')} is {value}, which is no finite number")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise ValueError(f"{place.removeprefix('.')} is a {type(value).__name__}, which JSON does not have")


class _NotFiniteError(ValueError):
    def __str__(self) -> str:
        return "it holds a number that is not finite"


def _refuse(_: str) -> NoReturn:
    raise _NotFiniteError


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
