"""``python -m benchmarks.gpu``: what one GPU makes of this suite; meant to take at most eight minutes.

Images a second of training steps beside the authors' way, in three arithmetics, compiled or not; what of the card they
use; whether loading keeps up; and whether the device gives the results of a CPU: the authors' figures, a group of one
process, detection's operators, a training that is killed. A part that fails says so, the others go on, and the exit
status is 1. Without a GPU, all of it is done in small on the CPU in about a minute.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import torch

from benchmarks import step
from benchmarks.gpu import collectives, detection, loading, parity, resuming, training
from benchmarks.gpu.report import Report
from benchmarks.gpu.sizes import ON_A_CPU, ON_A_GPU, Sizes
from core.arithmetic import ProcessArithmetic, use
from core.cores import usable_cores
from core.distributed import local_device
from core.errors import InputError
from core.exit_status import exit_status_of

EXIT_FAILED = 1
IN_SMALL = "the CPU's form, on small sizes: it shows that every part works; its times say nothing about a GPU's"


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 if a part failed."""
    return exit_status_of(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), help="by default the GPU, or the CPU where there is none")
    asked_for = parser.parse_args(arguments).device
    has_a_gpu = torch.cuda.is_available()
    if asked_for == "cuda" and not has_a_gpu:
        raise InputError("--device cuda asks for a GPU, but torch finds none here: leave it out for the CPU's form.")
    device = torch.device("cpu") if asked_for == "cpu" else local_device()
    torch.set_num_threads(1)
    print(f"{_description(device)}\n")
    if device.type == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a training in a process of its own takes the GPU that it sees
        print(f"{'' if has_a_gpu else 'There is no GPU here. '}This is {IN_SMALL}.\n")
    began = time.monotonic()
    report = measure(ON_A_GPU if device.type == "cuda" else ON_A_CPU, device)
    print(f"In all {time.monotonic() - began:.0f} s. {_verdict(report)}")
    return EXIT_FAILED if report.failed else 0


def measure(sizes: Sizes, device: torch.device) -> Report:
    """All parts, printed one after the other; first those that tell whether the results are right."""
    report = Report()
    with report.part("The authors' figures on the device"):
        report.checks(parity.checks(device))
    with report.part("One process in a group"):
        report.checks(collectives.checks(sizes.short, device))
    with report.part("Detection: an iteration with compiled operators and with plain ones"):
        compared = detection.measure(sizes, device)
        report.table(compared.rows())
        report.checks(compared.checks())
    with report.part("A pretraining that is killed and resumed"):
        report.checks(resuming.measure(sizes).checks())
    trained = []
    for arithmetic in training.ARITHMETICS:
        with report.part(f"Training steps in {arithmetic.name}"):
            if device.type == "cpu" and arithmetic.needs_a_gpu:
                report.table(training.rows_without_a_gpu(arithmetic, sizes))
                continue
            measured = training.measure(arithmetic, sizes, device)
            trained.append(measured)
            print(f"Batch {measured.batch}; a matrix product reaches {measured.peak / 1e12:.3g} TFLOP/s.\n")
            report.table(measured.rows())
    with report.part("What of MoPro's step is neither encoder nor optimiser"):
        use(ProcessArithmetic(tf32="none"))
        apart = step.measure(sizes.step, device, rounds=sizes.rounds)
        report.table(training.rows_beside_the_encoder(apart, sizes.step.batch, trained))
    with report.part("Loading of JPEGs with all cores"):
        needed = training.rates_of_mopro(trained)
        report.table(loading.rows(loading.measure(sizes, device), needed))
    return report


def _description(device: torch.device) -> str:
    """What the figures were measured on."""
    name = "the CPU" if device.type == "cpu" else f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return f"{name}, {usable_cores()} cores, torch {torch.__version__}"


def _verdict(report: Report) -> str:
    return f"Failed: {'; '.join(report.failed)}." if report.failed else "No part failed; goals stand in the tables."


if __name__ == "__main__":
    sys.exit(main())
