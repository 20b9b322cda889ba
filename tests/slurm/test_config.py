"""What a site may say of its cluster."""

import pytest
from pydantic import ValidationError

from slurm.config import SlurmConfig


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sbatch": {"clusters": "big"}}, "set slurm.cluster instead"),
        ({"cluster": "two,clusters"}, "pattern"),
        ({"python": "apptainer exec 'image.sif"}, "is no command of the shell"),
        ({"python": "  "}, "expected a command"),
        ({"python": "python\nrm"}, "pattern"),
        ({"gres": "gpu:a100 --exclusive"}, "pattern"),
    ],
)
def test_settings_that_no_cluster_can_have(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SlurmConfig.model_validate(settings)


def test_a_container_is_a_python():
    command = "apptainer exec --nv 'my image.sif' python"
    assert SlurmConfig(python=command).python == command
