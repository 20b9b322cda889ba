"""A user's own Python file, which a profile names: ``path/of/file.py:Name``.

A file is read once in a process, and what is run is what was read, so that its digest is of the code that ran. It
stands alone: it can import the suite and what is installed, but no file beside it, which no digest would cover. Nothing
is written beside it. A mistake in it is told in one sentence with file and line.
"""

import hashlib
import inspect
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.errors import InputError

REFERENCE = re.compile(r"(?P<path>[^:\0]*\.py):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
T = TypeVar("T")
ADVICE = "correct it, and give the same command again"


class UserCodeError(InputError):
    """A mistake in a user's file; its traceback is that of ``__cause__``."""


class Loaded(NamedTuple):
    """What a reference names.

    Attributes:
        value: the object of that name.
        path: of the file.
        sha256: of the file's content.
    """

    value: Any
    path: Path
    sha256: str


class File(NamedTuple):
    """A user's file as it was read."""

    module: types.ModuleType
    sha256: str
    content: bytes


_FILES: dict[str, File] = {}  # by path, as they were read by this process
_COPIES: dict[str, Path] = {}  # by path: what is read in their place


def loaded_files() -> dict[str, File]:
    """What this process has read, by path."""
    return dict(_FILES)


def read_copies(copies: Mapping[str, Path]) -> None:
    """From now on, read copies in place of some files, which are still called by their own paths."""
    _COPIES.update(copies)


def is_reference(text: object) -> bool:
    """Whether a value names something in a user's file."""
    return isinstance(text, str) and REFERENCE.fullmatch(text) is not None


def absolute_reference(reference: str, folder: Path) -> str:
    """The reference with an absolute path; a relative one is relative to the folder."""
    path, _, name = reference.rpartition(":")
    return f"{os.path.abspath(folder / Path(path).expanduser())}:{name}"


def load(reference: str) -> Loaded:
    """Run a user's file, if this process has not, and give what the reference names.

    Args:
        reference: a path and a name, with ``:`` between them.

    Raises:
        InputError: the file cannot be read, or holds no such name.
        UserCodeError: it is no Python, or fails while it is run.
    """
    path, _, name = reference.rpartition(":")
    file = _FILES.get(path) or _run(Path(path))
    _FILES[path] = file
    if not hasattr(file.module, name):
        raise InputError(
            f"The file {path} has no {name}, only {', '.join(_own_names(file.module))}: name one of these."
        )
    return Loaded(getattr(file.module, name), Path(path), file.sha256)


def sentence_of(error: BaseException) -> str | None:
    """File, line and reason of an error that came from, or through, a user's file; None for any other."""
    if isinstance(error, SyntaxError) and error.filename in _FILES:
        return _sentence(error.filename, error.lineno, f"{type(error).__name__}: {error.msg}")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _FILES]
    if not frames:
        return None
    return _sentence(frames[-1].filename, frames[-1].lineno, f"{type(error).__name__}: {error}")


def call_user_code(function: Callable[..., T], *arguments: object) -> T:
    """What a function of a user's gives.

    Raises:
        UserCodeError: it fails.
    """
    try:
        return function(*arguments)
    except InputError:
        raise
    except Exception as error:
        if sentence := sentence_of(error):
            raise UserCodeError(sentence) from error
        raise


def error_in(definition: Any, found: str) -> UserCodeError:
    """The error to raise where a user's function or class is wrong: where it is defined, and what was found."""
    code = getattr(definition, "__code__", None)
    if code is not None:
        return UserCodeError(_sentence(code.co_filename, code.co_firstlineno, found))
    module = sys.modules.get(getattr(definition, "__module__", ""))
    return UserCodeError(_sentence(getattr(module, "__file__", None) or repr(definition), None, found))


def require_arguments(function: Callable[..., Any], *arguments: object) -> None:
    """Refuse a user's function that cannot be called with these arguments.

    Raises:
        UserCodeError: it takes others.
    """
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise error_in(function, f"{function.__qualname__}{inspect.signature(function)} {error}") from None


def _own_names(module: types.ModuleType) -> list[str]:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return own or ["nothing of its own"]


def _sentence(path: str, line: int | None, found: str) -> str:
    place = f"{path}, line {line}" if line else path
    return f"{place}: {' '.join(found.split()).rstrip('.')}; {ADVICE}."


def _run(path: Path) -> File:
    copy = _COPIES.get(str(path), path)
    try:
        content = copy.read_bytes()
    except OSError as error:
        raise InputError(f"The file {copy} cannot be read ({error.strerror}): name another one.") from None
    digest = hashlib.sha256(content).hexdigest()
    module = types.ModuleType(f"{path.stem}_{digest[:10]}")
    module.__file__ = str(path)
    file = _FILES[str(path)] = File(module, digest, content)
    sys.modules[module.__name__] = module  # where annotations and pickles are looked up
    try:
        exec(compile(content, str(path), "exec"), vars(module))
    except BaseException as error:
        sentence = sentence_of(error) or _sentence(str(path), None, f"{type(error).__name__}: {error}")
        del _FILES[str(path)], sys.modules[module.__name__]
        if isinstance(error, Exception | SystemExit) and not isinstance(error, InputError):
            raise UserCodeError(sentence) from error
        raise
    return file
