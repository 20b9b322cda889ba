"""What was kept for every image, read from a job's folder as its record names it."""

import hashlib
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import read_whole
from core.outputs import decoded
from results.plan import Results
from results.schema import Output


class AlteredOutputError(InputError):
    """An output that is no longer there, or no longer what its record names."""


class AbsentOutputError(AlteredOutputError):
    """An output that is not there."""


def are_left_out(results: Results, runs: Path) -> bool:
    """Whether no output of any record lies in ``runs``, as where records alone were packed.

    Where some are there, one that is not was taken away.
    """
    named = [runs / job.folder / it.file for job, record in results.done for it in (record.outputs or {}).values()]
    return bool(named) and not any(path.exists() for path in named)


def read_output(folder: Path, output: Output) -> dict[str, np.ndarray]:
    """The columns of an output of the job in ``folder``.

    Raises:
        AbsentOutputError: the file is not there.
        AlteredOutputError: it is not the one that the job wrote.
    """
    path = folder / output.file
    restore = "restore it from a backup"
    try:
        content = read_whole(str(path))
    except OSError as error:
        kind = AbsentOutputError if isinstance(error, FileNotFoundError) else AlteredOutputError
        raise kind(f"The output {path} cannot be read ({error.strerror}): {restore}.") from None
    if len(content) != output.bytes or hashlib.sha256(content).hexdigest() != output.sha256:
        raise AlteredOutputError(
            f"The output {path} is not the one that its job wrote (its digest differs): {restore}."
        )
    try:
        return decoded(content)
    except ValueError as error:
        raise AlteredOutputError(f"The output {path} cannot be read ({error}): {restore}.") from None
