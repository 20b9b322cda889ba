"""Whether disks have room for what is to come."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError


def require_room(needs: Iterable[tuple[Path, int]]) -> None:
    """Make sure that file systems have room.

    Args:
        needs: folders that exist, each with bytes that are to be written there.

    Raises:
        InputError: one has less than all its folders need.
    """
    by_disk: dict[int, tuple[Path, int]] = {}
    for folder, size in needs:
        first, so_far = by_disk.get(os.stat(folder).st_dev, (folder, 0))
        by_disk[os.stat(folder).st_dev] = first, so_far + size
    for folder, size in by_disk.values():
        free = shutil.disk_usage(folder).free
        if size > free:
            raise InputError(
                f"{folder} has room for {free:,} bytes, and what is to come takes {size:,} or more: make room there, "
                "name another folder, or name some of the files alone."
            )
