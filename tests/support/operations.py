"""How much a call does, in bytecodes: the same on every machine and in every hour, as seconds are not."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def operations(call: Callable[[], object]) -> int:
    """The bytecodes that Python executes in a call; what is written in C counts as one."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def last_doubling(call_of: Callable[[int], Callable[[], object]], size: int) -> float:
    """By how much more a call's operations rise when a size doubles again: 2 where they are linear, 4 if quadratic.

    Args:
        call_of: from a size to the call that is counted.
        size: the first of three, each twice the one before it.
    """
    counts = []
    for times in (1, 2, 4):
        call = call_of(times * size)
        counts.append(operations(call))
    return (counts[2] - counts[1]) / (counts[1] - counts[0])
