"""The environment in which the scheduler is spoken to: without what a surrounding allocation, or habit, has set there.

Variables of sbatch win over a submission script's own options, those of squeue hide jobs, and all that an allocation
sets would reach the jobs that are submitted from inside it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

OF_SCHEDULER = ("SLURM", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SUBMITIT_")
OF_LAUNCHERS = ("PMI", "OMPI_", "PRTE_", "HYDRA_", "I_MPI_", "MPI_LOCALRANKID", "MV2_")
OF_PROCESSES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
OF_GPUS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")
KEPT = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")  # which cluster, and who asks


@contextmanager
def outside_allocations() -> Iterator[None]:
    """Take out of this process's environment, for the length of the block, what must not reach scheduler or jobs."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if _is_taken_out(name)}
    try:
        yield
    finally:
        os.environ.update(taken)


def options_of_sbatch() -> list[str]:
    """Names of variables by which the user gives options to sbatch; the site file's alone count."""
    return sorted(name for name in os.environ if name.startswith("SBATCH_"))


def _is_taken_out(name: str) -> bool:
    if name in KEPT:
        return False
    return name.startswith((*OF_SCHEDULER, *OF_LAUNCHERS)) or name in (*OF_PROCESSES, *OF_GPUS)
