"""The request to stop: noted when a signal brings it, followed later, where a stage can leave and go on from."""

import signal
from collections.abc import Iterable

_received: set[signal.Signals] = set()


class Interrupted(Exception):  # noqa: N818 (not an error: the stage goes on later)
    """The stage has stopped on request, with everything written that it needs in order to go on."""


def install_handlers(signals: Iterable[signal.Signals]) -> None:
    """From now on, take these signals as requests to stop instead of dying from them; forget earlier ones."""
    _received.clear()
    for number in signals:
        signal.signal(number, lambda received, _: _received.add(signal.Signals(received)))


def received() -> frozenset[signal.Signals]:
    """The signals that this process was sent. Those of a job's other processes may arrive earlier or later."""
    return frozenset(_received)
