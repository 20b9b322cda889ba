"""Files with the names and shapes of released checkpoints, as the code that wrote them has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from data.config import EvaluationView
from pretrain import released
from pretrain.config import BackboneConfig

RESNET50 = BackboneConfig(depth=50)
VIEW = EvaluationView(resize=40, crop=32)


Tensors = dict[str, torch.Tensor]


def trunk_of(whole: Tensors, prefix: str = "") -> Tensors:
    return {prefix + name: tensor for name, tensor in whole.items() if not name.startswith("fc.")}


def linear(name: str, rows: int, columns: int = 2048) -> Tensors:
    return {f"{name}.weight": torch.zeros(rows, columns), f"{name}.bias": torch.zeros(rows)}


def batch_norm(name: str, size: int) -> Tensors:
    parts = {part: torch.zeros(size) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.{part}": tensor for part, tensor in parts.items()} | {
        f"{name}.num_batches_tracked": torch.tensor(0)
    }


def checkpoint(state: Tensors) -> dict[str, Any]:
    """What the training scripts of MoCo and those after it write."""
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return {"epoch": 90, "arch": "resnet50", "state_dict": state, "optimizer": optimizer}


def momentum_contrast(whole: Tensors, head: Callable[[str], Tensors], queue: int) -> Tensors:
    encoders = {}
    for encoder in ("module.encoder_q.", "module.encoder_k."):
        encoders |= trunk_of(whole, encoder) | head(encoder)
    return encoders | {"module.queue": torch.zeros(128, queue), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}


def mopro(whole: Tensors, classes: int) -> dict[str, Any]:
    def head(encoder: str) -> Tensors:
        classifier = linear(f"{encoder}classifier", classes)
        if classes == 1000:
            classifier = {f"{encoder}classifier.{part}": whole[f"fc.{part}"] for part in ("weight", "bias")}
        return classifier | linear(f"{encoder}fc1", 2048) | linear(f"{encoder}fc2", 128)

    return checkpoint(momentum_contrast(whole, head, 8192) | {"module.prototypes": torch.zeros(classes, 128)})


def with_projection(encoder: str) -> Tensors:
    return linear(f"{encoder}fc.0", 2048) | linear(f"{encoder}fc.2", 128)


def moco_v2(whole: Tensors) -> dict[str, Any]:
    """The release holds the query encoder alone."""
    state = momentum_contrast(whole, with_projection, 1)
    return checkpoint({name: tensor for name, tensor in state.items() if name.startswith("module.encoder_q.")})


def swav(whole: Tensors) -> Tensors:
    heads = linear("module.projection_head.0", 2048) | batch_norm("module.projection_head.1", 2048)
    heads |= linear("module.projection_head.3", 128) | {"module.prototypes.weight": torch.zeros(3000, 128)}
    return trunk_of(whole, "module.") | heads


def vissl(whole: Tensors) -> dict[str, Any]:
    model = {"trunk": trunk_of(whole, "_feature_blocks."), "heads": {"0.clf.0.weight": torch.zeros(2048, 2048)}}
    return {"phase_idx": 999, "iteration": 1, "classy_state_dict": {"base_model": {"model": model, "meters": None}}}


FILES: dict[str, tuple[str, Callable[[Tensors], Any]]] = {
    "MoPro V1": ("mopro", lambda whole: mopro(whole, 1000)),
    "MoPro V2": ("mopro", lambda whole: mopro(whole, 5000)),
    "MoCo v2": ("moco-v2", moco_v2),
    "PCL v2": ("moco-v2", lambda whole: checkpoint(momentum_contrast(whole, with_projection, 16384))),
    "MoCo v1": (
        "moco-v1",
        lambda whole: checkpoint(momentum_contrast(whole, lambda encoder: linear(f"{encoder}fc", 128), 65536)),
    ),
    "SwAV": ("swav", swav),
    "SimCLR": ("simclr", lambda whole: {"state_dict": whole}),
    "BYOL": (
        "byol",
        lambda whole: {name: tensor for name, tensor in whole.items() if "num_batches_tracked" not in name},
    ),
    "torchvision": ("torchvision", dict),
    "PyTorch's example": ("pytorch-example", lambda whole: checkpoint(whole)),
    "torchvision's script": (
        "torchvision-training",
        lambda whole: {"model": whole, "optimizer": {}, "lr_scheduler": {"last_epoch": 90}, "epoch": 89},
    ),
    "VISSL": ("vissl", vissl),
    "MMSelfSup": ("mmselfsup", lambda whole: {"state_dict": trunk_of(whole), "author": "MMSelfSup"}),
}
REQUIRED = {"BYOL": "byol"}  # torchvision's older files have the same names


def config(file: Path, **changes: Any) -> dict[str, Any]:
    return {"file": str(file), "backbone": RESNET50.model_dump()} | changes


def workspace(folder: Path, **inputs: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(folder, inputs)


def refusal(content: Any, folder: Path, **changes: Any) -> str:
    """The sentence with which a file of this content is refused."""
    torch.save(content, folder / "file.pth")
    with pytest.raises(InputError) as error:
        released.run(config(folder / "file.pth", **changes), workspace(folder / "job"))
    assert "\n" not in error.value.sentence and "file.pth" in error.value.sentence
    assert not (folder / "job" / MODEL_FILE).exists()
    return error.value.sentence
