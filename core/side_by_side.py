"""Computes the same of many things side by side, in processes that share this one's memory.

The processes are forked, as those that load images are: they read this one's arrays where they are, start without
importing anything, and take signals as it does. Threads would do where a library keeps nothing between its calls;
liblinear, which fits linear SVMs, keeps its random numbers in one place for all threads.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from core.errors import InputError
from core.processes import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

_compute: Callable[[Any], Any]  # in a process that computes for another: what


def side_by_side(compute: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """What ``compute`` gives of every item, in their order, by as many processes; by this one if that is one.

    Numerical libraries use one thread for an item, so that results are the same to the bit by any number of processes.

    Args:
        compute: a function of an item alone; what it changes beside, only its own process sees. It computes with NumPy
            and what builds on it: neither CUDA nor torch's gradients work in a process that was forked.
        items: those that take longest come first, so that none of them runs alone at the end; can be pickled.
        processes: how many, at most; not counting this one, which waits.

    Raises:
        InputError: a process was ended from outside. What ``compute`` raises is raised here too.
    """
    processes = min(processes, len(items))
    if processes <= 1:
        with threadpool_limits(1):
            yield from map(compute, items)
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _begin, (compute,))
    try:
        yield from pool.map(_compute_one, items)
    except BrokenProcessPool:
        raise InputError(
            f"One of {processes} processes that computed for this job was ended, probably because the system had no "
            "memory left: set fewer cpus in the profile's resources, let fewer jobs run side by side (--jobs), or use "
            "a machine with more."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(compute: Callable[[Any], Any]) -> None:
    global _compute
    end_with_parent()
    threadpool_limits(1)
    _compute = compute


def _compute_one(item: Any) -> Any:
    return _compute(item)
