"""Settings of a cluster: what every job is submitted with."""

import shlex
from typing import Annotated

from pydantic import Field, field_validator

from core.config import Config, FromList, NotNegative, Positive
from execution.resources import OneLine, SbatchOptions, check_sbatch_options


class SlurmConfig(Config):
    """How jobs are submitted.

    Attributes:
        sbatch: further options of sbatch by their long names, for every job: partition, account, qos, constraint.
            Those in a stage's resources win.
        cluster: the one that is spoken to, of several that share one accounting; None for this machine's own.
        gres: GPUs are asked for as ``--gres=<this>:<number on a node>``, such as ``gpu:a100``; None for
            ``--gpus-per-node``.
        python: command of the shell that starts Python in a job, such as ``apptainer exec --nv image.sif python``;
            None for the Python that submits.
        srun_args: further arguments of the srun that starts a job's processes.
        setup: shell lines that run before Python does, such as ``module load cuda``.
        parallel: elements of one job array that run side by side.
        warning: seconds before its time limit at which a job is told to save its state and queue again.
        timeouts: how many time limits a job may come to before it is given up.
        host_names: whether records name the machine of each start; they are left out otherwise.
    """

    sbatch: SbatchOptions = Field(default_factory=dict)
    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    gres: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]+$")] | None = None
    python: Annotated[OneLine, Field(min_length=1)] | None = None
    srun_args: FromList[tuple[OneLine, ...]] = ()
    setup: FromList[tuple[Annotated[str, Field(pattern=r"^[^\x00]*$")], ...]] = ()
    parallel: Positive = 32
    warning: Positive = 120
    timeouts: NotNegative = 30
    host_names: bool = False

    _checked = field_validator("sbatch")(check_sbatch_options)

    @field_validator("python")
    @classmethod
    def _is_a_command(cls, value: str | None) -> str | None:
        try:
            if value is not None and not shlex.split(value):
                raise ValueError("found no words, expected a command such as apptainer exec image.sif python")
        except ValueError as error:
            raise ValueError(f"{value!r} is no command of the shell ({error})") from None
        return value
