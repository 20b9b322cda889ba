"""Settings of a cluster: what every job is submitted with."""

from pydantic import Field, field_validator

from core.config import Config

SbatchOptions = dict[str, str | int | bool]

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
    for name in options:
        if name.replace("_", "-") in OURS:
            raise ValueError(f"sbatch option {name!r} is set from the resources or by the program: leave it out")
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
    setup: tuple[str, ...] = ()
    parallel: int = Field(default=32, gt=0)
    warning: int = Field(default=120, gt=0)
    timeouts: int = Field(default=30, ge=0)

    _checked = field_validator("sbatch")(checked)
