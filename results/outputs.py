"""What was kept for every image, read from a job's folder as its record names it."""

import hashlib
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import read_whole
from core.outputs import decoded
from results.schema import Output


class AlteredOutputError(InputError):
    """An output that is no longer there, or no longer what its record names."""


def read_output(folder: Path, output: Output) -> dict[str, np.ndarray]:
    """The columns of an output of the job in ``folder``.

    Raises:
        AlteredOutputError: the file is not there, or not the one that the job wrote.
    """
    path = folder / output.file
    restore = "restore it from a backup"
    try:
        content = read_whole(str(path))
    except OSError as error:
        raise AlteredOutputError(f"The output {path} cannot be read ({error.strerror}): {restore}.") from None
    if len(content) != output.bytes or hashlib.sha256(content).hexdigest() != output.sha256:
        raise AlteredOutputError(
            f"The output {path} is not the one that its job wrote (its digest differs): {restore}."
        )
    try:
        return decoded(content)
    except ValueError as error:
        raise AlteredOutputError(f"The output {path} cannot be read ({error}): {restore}.") from None
