"""Which of a processor's instructions the numerical libraries use: all it has, or those that many have in common.

A library that finds wider vectors adds in another order and rounds otherwise, and a training run carries that into its
first digits. Held to AVX2, and with MKL to one order of additions whoever made the processor, all x86-64 processors
with AVX2 (since 2013) are meant to give the same bits. The variables count for a process that starts with them: once a
library has looked at its processor, it is too late.
"""

import os
from collections.abc import Mapping
from typing import Literal

from core.errors import InputError

Instructions = Literal["avx2"]

VARIABLES: Mapping[Instructions, Mapping[str, str]] = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
        "MKL_CBWR": "COMPATIBLE",  # its matrix products
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # its convolutions
        "OPENBLAS_CORETYPE": "Haswell",  # NumPy's, SciPy's and scikit-learn's products
    }
}


def variables_of(instructions: Instructions | None) -> Mapping[str, str]:
    """What must stand in a process's environment from its start; nothing for all that the processor has."""
    return VARIABLES[instructions] if instructions else {}


def require(instructions: Instructions | None) -> None:
    """Make sure that this process was started as a job with these instructions has to be.

    Raises:
        InputError: a variable has another value, so that the figures would not be those of the job.
    """
    for name, wanted in variables_of(instructions).items():
        found = os.environ.get(name)
        if found != wanted:
            raise InputError(
                f"The process started with {name}={found or ''}, where the profile's instructions ({instructions}) ask "
                f"for {wanted}: give the command again in a shell of its own."
            )
