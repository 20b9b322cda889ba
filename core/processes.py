"""Processes that find each other, and that do not outlive the command that started them."""

import multiprocessing
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker

PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections


def end_with_parent() -> None:
    """From now on, this process is killed when the one that started it has ended, however that ended."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Let processes that are started in the block hear nothing of Ctrl-C: a terminal tells it all, and one answers."""
    resource_tracker.ensure_running()  # started within the block, it would undo it
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited; this process hears of it after the block
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def free_port() -> int:
    """A port of this machine on which nobody listens, and which no outgoing connection takes before it is used."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def kill_children() -> None:
    """End all processes that this one has started through multiprocessing, and has not seen ending."""
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        child.join()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
