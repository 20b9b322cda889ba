"""What those who fetch side by side tell of their progress, and how they are told to end."""

import threading
from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]  # what is done, its bytes so far, of how many if that is known


class StoppedError(Exception):
    """The work is to end, as by Ctrl-C; what is done stays."""


class Watch:
    """Passes progress on, until the work is stopped.

    Args:
        progress: called from every thread.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._over = threading.Event()

    def stop(self) -> None:
        """Let everybody who tells something, or pauses, end."""
        self._over.set()

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Say how far something is; to be called at least every second.

        Raises:
            StoppedError: the work is to end.
        """
        self.pause(0)
        self._progress(what, done, total)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: the work is to end.
        """
        if self._over.wait(seconds):
            raise StoppedError
