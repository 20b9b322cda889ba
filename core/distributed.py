"""The few collective operations that the stages use; with one process they cost nothing.

A job's processes find each other through the variables that every launcher sets (``RANK``, ``WORLD_SIZE``,
``LOCAL_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes work on the job."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_joined() -> bool:
    """Whether this process works in a group; a group may have one process alone."""
    return dist.is_initialized()


def local_device() -> torch.device:
    """The GPU of this process, or the CPU where there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


_CONTROL: list[dist.ProcessGroup] = []  # a group on the CPU, for what must not wait for a GPU


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the job's other processes (NCCL on GPUs, gloo without) for the length of the block; gives the device."""
    device = local_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    with joined(device):
        yield device


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Work in a group for the length of the block, also with one process: its collective operations are then called."""
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    _CONTROL[:] = [dist.new_group(backend="gloo")]
    yield
    # Not after an exception: closing the connections would make the other ranks fail first, and hide the cause.
    dist.destroy_process_group()


def gather(tensor: torch.Tensor) -> torch.Tensor:
    """Rows of all ranks, in rank order: ``[n, ...]`` on every rank becomes ``[world_size * n, ...]``. No gradient."""
    if not is_joined():
        return tensor.detach()
    tensor = tensor.detach().contiguous()
    gathered = tensor.new_empty((world_size() * tensor.shape[0], *tensor.shape[1:]))
    dist.all_gather_single(gathered, tensor)
    return gathered


def sum_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The element-wise sum over ranks, in place."""
    if is_joined():
        dist.all_reduce(tensor)
    return tensor


def copy_from_first_rank(tensor: torch.Tensor) -> torch.Tensor:
    """Rank 0's values on every rank, in place."""
    if is_joined():
        dist.broadcast(tensor, src=0)
    return tensor


def largest_over_ranks(number: int) -> int:
    """The largest of the ranks' numbers; the same answer everywhere, without waiting for a GPU."""
    if not is_joined():
        return number
    largest = torch.tensor(number)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group=_CONTROL[0])
    return int(largest)


def on_any_rank(flag: bool) -> bool:
    """Whether the flag is set on at least one rank; the same answer everywhere, without waiting for a GPU."""
    return bool(largest_over_ranks(int(flag)))


def wait_for_all() -> None:
    """Return once every rank has come here."""
    if is_joined():
        dist.barrier()
