"""How a job's processes compute, where their libraries would otherwise decide by themselves; light to import."""

import os
from typing import Literal

from core.config import Config

WORKSPACE_OF_CUBLAS = ":4096:8"  # with which its products are deterministic, by NVIDIA's documentation


class ProcessArithmetic(Config):
    """What rounds the figures of every job, in the first place on a GPU. The defaults are those of PyTorch 2.

    Attributes:
        tf32: what GPUs since the A100 may round to TF32, 10 bits of mantissa for float32's 23: ``none``, as on a V100,
            which has no TF32; ``convolutions``; or ``all``, matrix products too.
        deterministic: whether only deterministic algorithms are allowed; an operation that has none stops the job.
        compile: whether networks of the suite are compiled (``torch.compile``); a user's module stays as it is.
    """

    tf32: Literal["none", "convolutions", "all"] = "convolutions"
    deterministic: bool = False
    compile: bool = False


def use(arithmetic: ProcessArithmetic) -> None:
    """Let this process compute so, before it computes anything."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = arithmetic.tf32 == "all"
    torch.backends.cudnn.allow_tf32 = arithmetic.tf32 != "none"
    if arithmetic.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = WORKSPACE_OF_CUBLAS
    torch.use_deterministic_algorithms(arithmetic.deterministic)
