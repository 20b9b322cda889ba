"""Processes that find each other, and that do not outlive the command that started them."""

import multiprocessing
import os
import random
import signal
import socket
import threading
from contextlib import suppress

PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections


def end_with_parent() -> None:
    """From now on, this process is killed when the one that started it has ended, however that ended."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def free_port() -> int:
    """A port of this machine on which nobody listens, and which no outgoing connection takes before it is used."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
