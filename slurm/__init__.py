"""Jobs on a SLURM cluster: how they are submitted, what the scheduler says of them, and what became of each."""
