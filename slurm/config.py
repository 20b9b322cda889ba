"""Settings of a cluster: what every job is submitted with."""

from typing import Annotated

from pydantic import Field, field_validator

from core.config import Config, FromList, NotNegative, Positive

OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
OneLine = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]  # a second one would be a line of the script
SbatchOptions = dict[OptionName, OneLine | int | bool]

# Others would break how jobs find each other, or contradict the resources.
OURS = (
    *("job-name", "array", "dependency", "kill-on-invalid-dep", "requeue", "signal", "output", "error", "open-mode"),
    *("nodes", "ntasks", "ntasks-per-node", "cpus-per-task", "time", "mem"),
)


def checked(options: SbatchOptions) -> SbatchOptions:
    """Options of sbatch, by their long names.

    Raises:
        ValueError: one of them is set by the program itself.
    """
    for name, value in options.items():
        if name.replace("_", "-") in OURS:
            raise ValueError(f"sbatch option {name!r} is set from the resources or by the program: leave it out")
        if value is False:
            raise ValueError(f"sbatch option {name!r} is false: options are switched on, leave it out")
    return options


class SlurmConfig(Config):
    """How jobs are submitted.

    Attributes:
        sbatch: further options of sbatch by their long names, for every job: partition, account, qos, constraint.
            Those in a stage's resources win.
        setup: shell lines that run before Python does, such as ``module load cuda``.
        parallel: elements of one job array that run side by side.
        warning: seconds before its time limit at which a job is told to save its state and queue again.
        timeouts: how many time limits a job may come to before it is given up.
    """

    sbatch: SbatchOptions = Field(default_factory=dict)
    setup: FromList[tuple[Annotated[str, Field(pattern=r"^[^\x00]*$")], ...]] = ()
    parallel: Positive = 32
    warning: Positive = 120
    timeouts: NotNegative = 30

    _checked = field_validator("sbatch")(checked)
