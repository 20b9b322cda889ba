"""Stages that do what a test of the executor needs."""

import json
import os
import signal
import sys
import time

import torch

from core import interruption
from core.distributed import gather, process_group, rank
from core.errors import InputError
from core.files import sha256_of, write_text, written_atomically
from core.interruption import Interrupted
from core.parts import by_part
from core.side_by_side import side_by_side
from core.workspace import MODEL_FILE

DONE = {"done": {"value": 1, "unit": "", "n": 1}}


def add(config, workspace):
    """Sum of a number and of what its inputs computed; leaves a mark of each call."""
    with (workspace.folder / "calls").open("a") as calls:
        calls.write("called\n")
    total = config["number"] + sum(float((folder / "sum").read_text()) for folder in workspace.inputs.values())
    (workspace.folder / "sum").write_text(str(total))
    workspace.provenance["note"] = "added"
    return {"sum": {"value": total, "unit": "", "n": 1}}


def write_a_model(config, workspace):
    """Leaves a model, and its digest for the record."""
    (workspace.folder / "sum").write_text("1")
    path = workspace.folder / MODEL_FILE
    path.write_bytes(bytes([config["number"]]))
    workspace.provenance["model_sha256"] = sha256_of(path)
    return DONE


def be_warned_at_the_end(config, workspace):
    """The scheduler's warning comes when all is done, and Python has let go of its handlers."""
    sys.warned = _WarnedAtTheEnd()
    return add(config, workspace)


class _WarnedAtTheEnd:
    def __del__(self, kill=os.kill, process=os.getpid, number=signal.SIGUSR2):
        kill(process(), number)


def refuse(config, workspace):
    """Finds the input unusable."""
    raise InputError("The file x holds y, expected z.")


def crash(config, workspace):
    """Has a defect."""
    raise ZeroDivisionError("a defect")


def be_killed(config, workspace):
    """Is ended by the system the first time, as by its out-of-memory killer."""
    if not (workspace.folder / "mark").exists():
        (workspace.folder / "mark").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return DONE


def meet(config, workspace):
    """Gathers the ranks of all processes."""
    with process_group():
        ranks = gather(torch.tensor([rank()]))
    return {"ranks": {"value": int(ranks.sum()), "unit": "", "n": len(ranks)}}


def lose_a_rank(config, workspace):
    """One process fails while the other waits for it."""
    with process_group():
        if rank() == 1:
            raise ZeroDivisionError("rank 1 fails")
        gather(torch.tensor([rank()]))
    return DONE


def wait(config, workspace):
    """Works until it is ended."""
    (workspace.folder / f"pid-{os.getpid()}").touch()
    time.sleep(60)
    return DONE


def wait_side_by_side(config, workspace):
    """Works until it is ended, with other processes of its own."""
    (workspace.folder / f"pid-{os.getpid()}").touch()
    list(side_by_side(lambda _: wait(config, workspace), range(4), workspace.cpus))
    return DONE


def count_cpus(config, workspace):
    """Says how many processors it may use."""
    return {"cpus": {"value": workspace.cpus, "unit": "", "n": 1}}


def show_gpus(config, workspace):
    """Says which GPUs it may use, and takes long enough to overlap with others."""
    (workspace.folder / "gpus").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
    time.sleep(1)
    return DONE


def fill_the_disk(config, workspace):
    """Writes a state that is larger than the disk."""
    with written_atomically(workspace.folder / "state.pt") as file:
        torch.save(torch.zeros(1 << 20), file)
    return DONE


def leave_no_room(config, workspace):
    """Fills the disk to the last byte, so that not even a sentence fits."""
    with open(workspace.folder / "rest", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))


def end_by_signal(config, workspace):
    """Is ended by the system with the signal of that number."""
    os.kill(os.getpid(), config["number"])


def show_environment(config, workspace):
    """Writes down what a job's process is started with."""
    write_text(workspace.folder / "environment.json", json.dumps(dict(os.environ)))
    return DONE


def measure(config, workspace):
    """Gives what it is told to, such as a figure that cannot be right."""
    workspace.provenance["said"] = float(config.get("said", 0))
    return {"figure": {name: float(value) for name, value in config["number"].items()} | {"unit": "%", "n": 4}}


def ask_for_a_pause(config, workspace):
    """Is stopped on request the first time."""
    if not (workspace.folder / "mark").exists():
        (workspace.folder / "mark").touch()
        raise Interrupted
    return DONE


def stop_between_items(config, workspace):
    """Computes four items, and is asked to stop after the first two; leaves a mark of each that it computes."""

    def items(numbers):
        for number in numbers:
            with (workspace.folder / "computed").open("a") as computed:
                computed.write(f"{number}\n")
            if number == 1:
                os.kill(os.getpid(), signal.SIGUSR2)
            yield {"item": number}

    interruption.install_handlers([signal.SIGUSR2])
    found = by_part("items", items, 4, {}, workspace, "items")
    return {"sum": {"value": sum(int(it["item"]) for it in found), "unit": "", "n": len(found)}}


def be_interrupted_three_times(config, workspace):
    """Works a while each time; is killed twice, then stopped on request, and done the fourth time."""
    marks = workspace.folder / "marks"
    with marks.open("a") as file:
        file.write("x")
    for step in range(4):
        time.sleep(0.1)
        write_text(workspace.folder / "state", str(step))
    match len(marks.read_text()):
        case 1 | 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            raise Interrupted
    return DONE
