"""How every command ends: with an exit status and, if it has to be, one sentence; a traceback goes into a file."""

import errno
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from core.errors import InputError, sentence_about
from core.user_code import UserCodeError, sentence_of

EXIT_INPUT_ERROR = 2  # something given, or the place to write to, cannot be used
EXIT_DEFECT = 70  # a defect of this program
EXIT_INTERRUPTED = 130  # as a shell says it of SIGINT
EXIT_BROKEN_PIPE = 141  # as a shell says it of SIGPIPE


def exit_status_of(command: Callable[[], int], reports: Iterable[Path] = ()) -> int:
    """Call a command and give the exit status to end with, whatever happens in it.

    Args:
        command: gives its own exit status, or raises.
        reports: folders for the traceback of a defect, the first choice first; the system's folder for temporary
            files comes last.

    Returns:
        The command's own status; 2 after a sentence about what cannot be used; 70 after a defect; 130 after Ctrl-C; 141
        if nobody reads what it prints any more, as after ``| head``.
    """
    _open_streams()
    _drop_invalid_terminal_sizes()
    try:
        try:
            status = _without_users_mistakes(command)
        except SystemExit as end:  # of argparse, after it has printed help
            status = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        return status
    except UserCodeError as error:
        path = _traceback_file(error, reports) if error.__cause__ else None
        where = f" Its traceback lies in {path}." if path else ""
        return _print_error(f"error: {error.sentence}{where}", EXIT_INPUT_ERROR)
    except InputError as error:
        return _print_error(f"error: {error.sentence}", EXIT_INPUT_ERROR)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one is not to disturb the end
        return _print_error("interrupted: what is done stays; give the same command again to go on", EXIT_INTERRUPTED)
    except MemoryError:
        return _print_error(
            "error: There is not enough memory for this command: end other processes, or use a larger machine.",
            EXIT_INPUT_ERROR,
        )
    except Exception as error:
        if isinstance(error, OSError):
            if error.errno in (errno.EPIPE, errno.EIO) and _is_broken_pipe():
                return EXIT_BROKEN_PIPE
            if sentence := sentence_about(error):
                return _print_error(f"error: {sentence}", EXIT_INPUT_ERROR)
        return _print_error(f"error: {_defect(error, reports)}", EXIT_DEFECT)
    finally:
        _detach_unwritable_output()


def _without_users_mistakes(command: Callable[[], int]) -> int:
    """What the command gives; an error that came from, or through, a user's file is a mistake in that file.

    Raises:
        UserCodeError: there was one.
    """
    try:
        return command()
    except (Exception, SystemExit) as error:
        sentence = None if isinstance(error, InputError) else sentence_of(error)
        if sentence is None:
            raise
        raise UserCodeError(sentence) from error


def _open_streams() -> None:
    """Give every standard stream something to be: a closed one takes nothing, none refuses a character.

    A descriptor that stays closed would be given to the next file that is opened, and what is printed would go there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # as standard input, output and error are numbered
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (for as long as the process lives)
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_invalid_terminal_sizes() -> None:
    """A terminal of no columns shows nothing: without such a variable, the terminal itself is asked."""
    for name in ("COLUMNS", "LINES"):
        try:
            possible = int(os.environ.get(name, "1")) > 0
        except ValueError:
            possible = False
        if not possible:
            del os.environ[name]


def _print_error(sentence: str, status: int) -> int:
    """Print one line to the user; gives the status back."""
    with suppress(OSError):  # there is nobody to tell it to
        sys.stdout.flush()
    with suppress(OSError):
        print("\\n".join(sentence.splitlines()), file=sys.stderr, flush=True)  # also where a name has several
    return status


def _is_writable(stream: object) -> bool:
    """Whether a stream can be written to: what could not be written is still in it."""
    try:
        stream.flush()  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _is_broken_pipe() -> bool:
    """Whether the other end of what is printed to has been closed."""
    look = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a stream without a descriptor of its own has no other end
            look.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in look.poll(0))


def _detach_unwritable_output() -> None:
    """Let the interpreter, which flushes once more at its end, find nothing that cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        if not _is_writable(stream):
            with suppress(OSError, ValueError), open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), stream.fileno())


def _defect(error: Exception, reports: Iterable[Path]) -> str:
    """Write the traceback down; gives the sentence that says where."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    path = _traceback_file(error, reports)
    if path is None:
        return f"This is a defect of the program ({what}): please report it; no folder takes a file with more about it."
    return f"This is a defect of the program ({what}): please report it with the file {path}."


def _traceback_file(error: Exception, reports: Iterable[Path]) -> str | None:
    """Write the traceback to the first folder that takes it; gives the file, or None where none does."""
    import tempfile  # here, as until all above is imported Ctrl-C is not answered
    import traceback

    about = f"{' '.join(map(repr, sys.argv))}\nPython {sys.version}, {sys.platform}\n\n"
    content = about + "".join(traceback.format_exception(error))
    for folder in (*reports, None):
        with suppress(OSError):
            descriptor, path = tempfile.mkstemp(".txt", "error-", folder)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(content)
            return path
    return None
