"""How many processors this process may use: fewer than the machine has, where it is pinned or limited."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Where control groups are mounted: version 2, and version 1 beside it or alone.
MOUNTED = tuple(map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct")))


def usable_cores() -> int:
    """Processors that this process may run on, and no more than the time that its control groups allow for; at least 1.

    Within a SLURM job these are the job's, in a container the container's.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([pinned, *(math.ceil(limit) for limit in _limits())]))


def _limits(groups: Path = Path("/proc/self/cgroup"), mounted: tuple[Path, ...] = MOUNTED) -> Iterator[float]:
    """The limit of every control group that this process is in, and of those around it, in processors."""
    with suppress(OSError):  # another system than Linux has none
        for line in groups.read_text(errors="replace").splitlines():
            inner = Path(line.split(":", 2)[-1].lstrip("/"))
            for mount in mounted:
                for group in (inner, *inner.parents):
                    yield from _limit_of(mount / group)


def _limit_of(group: Path) -> Iterator[float]:
    for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # not there, or "max": no limit
            quota, period = " ".join((group / file).read_text() for file in files).split()
            if int(quota) > 0:
                yield int(quota) / int(period)
