"""The pretraining stage on a tiny miniature: precisions, losses, and what a step must not do."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from core.workspace import MODEL_FILE, Workspace
from data.config import TrainingViews
from pretrain import pretraining
from pretrain.backbone import ProjectingEncoder
from pretrain.config import (
    ArithmeticConfig,
    BackboneConfig,
    PretrainConfig,
    RuntimeConfig,
    ScheduleConfig,
)
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.mopro.model import MoPro
from pretrain.tensor_files import load_tensors
from tests.support.toy_world import CONSTANTS, as_batch

SMALL = BackboneConfig(depth=10, width=16, stem="small")
CONFIG = PretrainConfig(
    seed=0,
    webvision="webvision",
    classes=10,
    method=CONSTANTS.model_copy(update={"queue_size": 80}),
    backbone=SMALL,
    views=TrainingViews(size=28, crop_scale=(0.5, 1), jitter=0.4, grayscale=0.2),
    schedule=ScheduleConfig(
        epochs=3, batch_size=40, learning_rate=0.05, decay_at=(2,), decay=0.1, momentum=0.9, weight_decay=1e-4
    ),
    arithmetic=ArithmeticConfig(),
    runtime=RuntimeConfig(workers=0, checkpoint_every=4, log_every=1),
)


def pretrain(miniature, folder, **changes) -> dict[str, torch.Tensor]:
    """The exported model of a short run."""
    folder.mkdir()
    config = CONFIG.model_copy(update=changes)
    metrics = pretraining.run(config.model_dump(mode="json"), Workspace(folder, {"data": miniature}))
    assert metrics["steps"]["value"] == 15
    return load_tensors(folder / MODEL_FILE)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_precisions_and_memory_formats_train_the_same_network(miniature, tmp_path, precision):
    reference = pretrain(miniature, tmp_path / "reference")
    arithmetic = ArithmeticConfig(precision=precision, channels_last=True)
    model = pretrain(miniature, tmp_path / precision, arithmetic=arithmetic)
    assert all(tensor.isfinite().all() for tensor in model.values())
    assert {key: tensor.dtype for key, tensor in model.items()} == {k: t.dtype for k, t in reference.items()}
    ours, theirs = (torch.cat([t.flatten().float() for t in m.values()]) for m in (model, reference))
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.95


def test_cross_entropy_learns_on_the_view_that_was_asked_for(miniature, tmp_path):
    models = [
        pretrain(miniature, tmp_path / view, method=CrossEntropyConfig(objective="cross-entropy", view=view))
        for view in ("weak", "strong")
    ]
    assert "prototypes" not in models[0]
    assert not torch.equal(models[0]["conv1.weight"], models[1]["conv1.weight"])


def test_the_learning_rate_falls_at_the_milestones():
    schedule = CONFIG.schedule.model_copy(update={"learning_rate": 0.1, "decay_at": (40, 80), "epochs": 90})
    rates = [schedule.learning_rate_in(epoch) for epoch in (0, 39, 40, 79, 80, 89)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_step_never_waits_for_the_device(epoch):
    """Fake tensors have no values: whatever reads one on the host (item, boolean indexing) fails."""
    method = MoPro(ProjectingEncoder(SMALL, 10, CONSTANTS.embedding_size), 10, CONSTANTS, seed=0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        views = [torch.randn(16, 3, 28, 28) for _ in range(2)]
        outcome = method(as_batch(views, torch.randint(10, (16,)), epoch=epoch, step=0))
    assert set(outcome.losses) == {"classification", "instance"} | ({"prototypical"} if epoch else set())


def test_fake_tensors_do_notice_a_wait():
    with FakeTensorMode():
        with pytest.raises(DataDependentOutputException):
            torch.randn(3).sum().item()
        with pytest.raises(DynamicOutputShapeException):
            torch.randn(3)[torch.randn(3) > 0]
