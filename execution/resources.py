"""What a job occupies, on this machine or on a cluster."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from core.config import Config

HOURS_OF_A_YEAR = 8760

OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
OneLine = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]  # a second one would be a line of the script
SbatchOptions = dict[OptionName, OneLine | int | bool]

# Others would break how jobs find each other, or contradict the resources.
RESERVED = (
    *("job-name", "array", "dependency", "kill-on-invalid-dep", "requeue", "signal", "output", "error", "open-mode"),
    *("nodes", "ntasks", "ntasks-per-node", "cpus-per-task", "time", "mem"),
)


def check_sbatch_options(options: SbatchOptions) -> SbatchOptions:
    """Options of sbatch, by their long names.

    Raises:
        ValueError: one of them is set by the program itself.
    """
    for name, value in options.items():
        if name in ("clusters", "cluster"):
            raise ValueError(f"sbatch option {name!r} is for every command of SLURM: set slurm.cluster instead")
        if name.replace("_", "-") in RESERVED:
            raise ValueError(f"sbatch option {name!r} is set from the resources or by the program: leave it out")
        if value is False:
            raise ValueError(f"sbatch option {name!r} is false: options are switched on, leave it out")
    return options


class Resources(Config):
    """What a job occupies; not part of its identity.

    Attributes:
        tasks: processes that work on the job together, one for each GPU where there are any.
        nodes: machines that they are spread over evenly, on a cluster.
        cpus: processor cores for each task.
        gpus: GPUs for each task, 0 or 1.
        memory: GiB on each node, on a cluster; None for its default.
        cpu_will_do: whether a machine without any GPU may run the job on its CPU, where it is otherwise refused.
        hours: expected length, for cost estimates; the time limit on a cluster, after which a training goes on anew.
        sbatch: further options of sbatch for these jobs alone.
    """

    tasks: int = Field(default=1, gt=0, le=1 << 16)
    nodes: int = Field(default=1, gt=0, le=1 << 16)
    cpus: int = Field(default=1, gt=0, le=1 << 12)
    gpus: int = Field(default=0, ge=0, le=1)
    cpu_will_do: bool = False
    memory: float | None = Field(default=None, gt=0, le=1 << 20)
    hours: float = Field(default=1.0, gt=0, le=HOURS_OF_A_YEAR)
    sbatch: SbatchOptions = Field(default_factory=dict)

    _checked = field_validator("sbatch")(check_sbatch_options)

    @model_validator(mode="after")
    def _nodes_share_tasks(self) -> "Resources":
        if self.tasks % self.nodes:
            raise ValueError(f"{self.tasks} tasks cannot be spread evenly over {self.nodes} nodes")
        return self

    @property
    def all_gpus(self) -> int:
        """GPUs of all tasks together."""
        return self.tasks * self.gpus

    @property
    def gpu_hours(self) -> float:
        """The cost of the expected length."""
        return self.all_gpus * self.hours
