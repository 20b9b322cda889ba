"""The environment in which the scheduler is asked, without that of a surrounding allocation."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from slurm.allocations import KEPT, outside_allocations

ALLOCATION = st.sampled_from(("SLURM_", "SBATCH_", "SRUN_", "SQUEUE_", "PMI_", "PMIX_", "OMPI_", "SLURMD_"))


@given(st.lists(st.tuples(ALLOCATION, st.from_regex(r"[A-Z_]{1,12}", fullmatch=True)), max_size=8))
@settings(max_examples=25, deadline=None)
def test_nothing_of_an_allocation_reaches_the_scheduler(parts):
    names = {prefix + rest for prefix, rest in parts} - set(KEPT)
    kept = {"SLURM_CONF": "/etc/slurm.conf", "OTHER": "1"}
    before = dict(os.environ)
    os.environ.update({**dict.fromkeys(names, "1"), **kept})
    try:
        with outside_allocations():
            assert not names & os.environ.keys() and kept.items() <= os.environ.items()
        assert names <= os.environ.keys()
    finally:
        os.environ.clear()
        os.environ.update(before)
