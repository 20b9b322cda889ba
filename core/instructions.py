"""Which of a processor's instructions the numerical libraries use: all it has, or those that many have in common.

A library that finds wider vectors adds in another order and rounds otherwise, and a training run carries that into its
first digits. Held to AVX2, and with MKL to one order of additions whoever made the processor, all x86-64 processors
with AVX2 (since 2013) are meant to give the same bits. The variables count for a process that starts with them: once a
library has looked at its processor, it is too late. A processor of another architecture is held to nothing, and the
record says so.
"""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from core.errors import InputError

Instructions = Literal["avx2"]

CPU_FILE = Path("/proc/cpuinfo")
FREE = "none"  # what a process is held to whose libraries use all that its processor has

VARIABLES: Mapping[Instructions, Mapping[str, str]] = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
        "MKL_CBWR": "COMPATIBLE",  # its matrix products
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # its convolutions
        "OPENBLAS_CORETYPE": "Haswell",  # NumPy's, SciPy's and scikit-learn's products
    }
}
# What code built for these instructions takes for granted, as Linux names it. torch obeys without looking, and dies.
FLAGS: Mapping[Instructions, tuple[str, ...]] = {"avx2": ("avx2", "fma", "f16c")}


def variables_of(instructions: Instructions | None) -> Mapping[str, str]:
    """What a process's environment must hold from its start; nothing for all that the processor has."""
    return VARIABLES[instructions] if instructions and _is_x86() else {}


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def held_to() -> str:
    """What this process's environment holds the libraries to, whoever put it there.

    Returns:
        The name of a set whose variables all have its values; else those variables that have one, such as
        ``MKL_CBWR=COMPATIBLE``, with commas between them; ``none`` where none has.
    """
    for instructions, wanted in VARIABLES.items():
        if all(os.environ.get(name) == value for name, value in wanted.items()):
            return instructions
    names = sorted({name for wanted in VARIABLES.values() for name in wanted})
    return ", ".join(f"{name}={os.environ[name]}" for name in names if os.environ.get(name)) or FREE


def missing_flags(instructions: Instructions, cpu_file: Path = CPU_FILE) -> list[str]:
    """Which of the flags that these instructions take this processor lacks; none where nothing holds or tells them."""
    if not _is_x86():
        return []
    try:
        found = re.search(r"^flags\s*:(.*)$", cpu_file.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return []
    flags = found[1].split() if found else []
    return [flag for flag in FLAGS[instructions] if flag not in flags]


def require_processor(instructions: Instructions | None, cpu_file: Path = CPU_FILE) -> None:
    """Make sure that this processor has these instructions: a library that is told to use them would be killed.

    Raises:
        InputError: it lacks some.
    """
    if instructions and (lacks := missing_flags(instructions, cpu_file)):
        raise InputError(
            f"This processor has no {' and no '.join(lacks)}, which the profile's instructions ({instructions}) take: "
            "run it with --set instructions=null, which gives other figures, or on another machine."
        )


def require(instructions: Instructions | None) -> None:
    """Make sure that this process can and does compute as a job with these instructions has to.

    Raises:
        InputError: the processor lacks some, or a variable has another value, so that the figures would not be those
            of the job.
    """
    require_processor(instructions)
    for name, wanted in variables_of(instructions).items():
        found = os.environ.get(name)
        if found != wanted:
            raise InputError(
                f"The process started with {name}={found or ''}, where the profile's instructions ({instructions}) ask "
                f"for {wanted}: give the command again in a shell of its own."
            )
