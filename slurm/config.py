"""Settings of a cluster: what every job is submitted with."""

from typing import Annotated

from pydantic import Field, field_validator

from core.config import Config, FromList, NotNegative, Positive
from execution.resources import SbatchOptions, check_sbatch_options


class SlurmConfig(Config):
    """How jobs are submitted.

    Attributes:
        sbatch: further options of sbatch by their long names, for every job: partition, account, qos, constraint.
            Those in a stage's resources win.
        setup: shell lines that run before Python does, such as ``module load cuda``.
        parallel: elements of one job array that run side by side.
        warning: seconds before its time limit at which a job is told to save its state and queue again.
        timeouts: how many time limits a job may come to before it is given up.
        host_names: whether records name the machine of each start; they are left out otherwise.
    """

    sbatch: SbatchOptions = Field(default_factory=dict)
    setup: FromList[tuple[Annotated[str, Field(pattern=r"^[^\x00]*$")], ...]] = ()
    parallel: Positive = 32
    warning: Positive = 120
    timeouts: NotNegative = 30
    host_names: bool = False

    _checked = field_validator("sbatch")(check_sbatch_options)
