"""A user's own Python file, which a profile names: ``path/of/file.py:Name``.

A file is read once in a process, and what is run is what was read, so that its digest is of the code that ran. It
stands alone: it can import the suite and what is installed, but no file beside it, which no digest would cover. Nothing
is written beside it. A mistake in it is told in one sentence with file and line.
"""

import ast
import functools
import hashlib
import inspect
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import InputError

REFERENCE = re.compile(r"(?P<path>[^:\0]*\.py):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
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
    """A user's file as it was run, with the line of each name that it defines."""

    module: types.ModuleType
    sha256: str
    content: bytes
    lines: dict[str, int]


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
    return _sentence(frames[-1].filename, frames[-1].lineno, _reason(error, frames[-1].filename)) if frames else None


def load_function(reference: str, *arguments: object) -> Callable[..., Any]:
    """The function that a reference names, which can be called with these arguments.

    Raises:
        InputError: as :func:`load`; or there is no such function.
    """
    found = load(reference).value
    if not callable(found):
        raise error_in(reference, f"found a {type(found).__name__}, expected a function")
    require_arguments(found, *arguments)
    return found


def called(
    function: Callable[..., Any], *arguments: object, whose: Any = None, passing: tuple[type[Exception], ...] = ()
) -> Any:
    """What a function gives, which may be a user's; a list of what it gives one after the other.

    Args:
        function: in a user's file, or one that ships, whose errors stay as they are.
        arguments: that it is called with.
        whose: the user's function or class that is to be named, where that is not the function itself.
        passing: errors by which it says that what it was given does not fit.

    Raises:
        UserCodeError: it is a user's, and takes other arguments, or fails.
    """
    if place_of(function):
        require_arguments(function, *arguments)
    try:
        found = function(*arguments)
        return list(found) if isinstance(found, Iterator) else found
    except (Exception, SystemExit) as error:
        if isinstance(error, (InputError, *passing)):
            raise
        if sentence := sentence_of(error):
            raise UserCodeError(sentence) from error
        if place_of(whose or function):
            raise error_in(whose or function, _reason(error)) from error
        raise


def error_in(definition: Any, found: str, advice: str = ADVICE) -> UserCodeError:
    """The error to raise where something of a user's is wrong.

    Args:
        definition: what is wrong: a function, a class, or a reference to anything in a file.
        found: what was found.
        advice: what to do.
    """
    path, line = place_of(definition) or (repr(definition), None)
    return UserCodeError(_sentence(path, line, found, advice))


def place_of(definition: Any) -> tuple[str, int | None] | None:
    """File and line of a user's function or class, or of what a reference names; None of what is in no user's file."""
    if is_reference(definition):
        path, _, name = definition.rpartition(":")
    else:
        while isinstance(definition, functools.partial):
            definition = definition.func
        module = sys.modules.get(getattr(definition, "__module__", None) or "")
        path, name = getattr(module, "__file__", None), _name_of(definition)
    if path not in _FILES:
        return None
    code = getattr(definition, "__code__", None)
    return path, code.co_firstlineno if code else _FILES[path].lines.get(name)


def require_arguments(function: Callable[..., Any], *arguments: object) -> None:
    """Refuse a user's function that cannot be called with these arguments.

    Raises:
        UserCodeError: it takes others.
    """
    owner = getattr(function, "__self__", None)  # of a method, whose signature is shown with it
    if inspect.ismethod(function):
        function, arguments = function.__func__, (owner, *arguments)
    try:
        signature = inspect.signature(function)
        signature.bind(*arguments)
    except TypeError as error:
        raise error_in(function, f"{_name_of(function)}{signature} {error}") from None
    except ValueError:  # written in C: nothing says what it takes
        pass


def _name_of(definition: Any) -> str:
    """Of a function or class; of anything else, that of its class."""
    return getattr(definition, "__qualname__", type(definition).__qualname__)


def _own_names(module: types.ModuleType) -> list[str]:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return own or ["nothing of its own"]


def _sentence(path: str, line: int | None, found: str, advice: str = ADVICE) -> str:
    place = f"{path}, line {line}" if line else path
    return f"{place}: {' '.join(found.split()).rstrip('.')}; {advice}."


def _reason(error: BaseException, path: str = "") -> str:
    """What happened, in the user's file of that path."""
    text = f": {error}" if str(error) else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        beside = Path(path).parent / error.name.partition(".")[0]
        if beside.is_dir() or beside.with_suffix(".py").is_file():
            text += ", as a user's file stands alone: put what it takes from the one beside it into it"
    return type(error).__name__ + text


def _run(path: Path) -> File:
    copy = _COPIES.get(str(path), path)
    try:
        content = copy.read_bytes()
    except OSError as error:
        raise InputError(f"The file {copy} cannot be read ({error.strerror}): name another one.") from None
    digest = hashlib.sha256(content).hexdigest()
    module = types.ModuleType(f"{path.stem}_{digest[:10]}")
    module.__file__ = str(path)
    file = _FILES[str(path)] = File(module, digest, content, {})
    sys.modules[module.__name__] = module  # where annotations and pickles are looked up
    try:
        tree = ast.parse(content, str(path))
        file.lines.update(_lines_of(tree))
        exec(compile(tree, str(path), "exec"), vars(module))
    except BaseException as error:
        sentence = sentence_of(error) or _sentence(str(path), None, _reason(error))
        del _FILES[str(path)], sys.modules[module.__name__]
        if isinstance(error, Exception | SystemExit) and not isinstance(error, InputError):
            raise UserCodeError(sentence) from error
        raise
    return file


def _lines_of(tree: ast.Module) -> dict[str, int]:
    """The line of each name that a file defines."""
    lines = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            lines[node.name] = node.lineno
        for inner in ast.walk(node) if isinstance(node, ast.Assign | ast.AnnAssign) else ():
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                lines[inner.id] = inner.lineno
    return lines
