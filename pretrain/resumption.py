"""From which of its states a training goes on: the newest one that is whole, the same on every rank."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from core.distributed import copy_from_first_rank, rank
from core.errors import InputError
from pretrain.tensor_files import DamagedFileError, load_tensors

BEFORE = "it is removed, and the training state before it is tried"


class Resumed(NamedTuple):
    """The state that a training goes on from: its file, and what that holds."""

    path: Path
    content: Any


def newest_whole(numbers: Sequence[int], path_of: Callable[[int], Path], device: torch.device) -> Resumed | None:
    """The first whole one of some training states; those before it are damaged and removed; None if none is whole.

    Args:
        numbers: of the states that are there, the newest first, from 0; the first rank's count.
        path_of: from a number to the file.
        device: of this process.

    Raises:
        InputError: a state cannot be read, though it may be whole.
    """
    chosen, content = -1, None
    if rank() == 0:
        for number in numbers:
            try:
                chosen, content = number, load_tensors(path_of(number), BEFORE)
                break
            except DamagedFileError as error:
                chosen = -1
                print(f"warning: {error.sentence}")
                _remove(path_of(number))
        if numbers and chosen < 0:
            print("warning: No training state is whole; the training starts anew.")
    chosen = int(copy_from_first_rank(torch.tensor(chosen, device=device)))
    if chosen < 0:
        return None
    path = path_of(chosen)
    return Resumed(path, content if rank() == 0 else load_tensors(path))


LOADING_ERRORS = (
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
)  # of torch, where a state does not fit


def incompatible_state(path: Path, error: Exception) -> InputError:
    """What to say of a whole state that does not fit: it is kept, since the code that wrote it could go on from it."""
    reason = " ".join(str(error).split())[:200]
    return InputError(
        f"The training state {path} is whole, but this version of the code did not write it ({reason}): go back to the "
        f"version that did, or delete the folder {path.parent}, and the training starts anew."
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
