"""Properties of MoPro's parts."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.methods.mopro.model import MoPro, correct_labels, masked_cross_entropy, move_prototypes
from tests.support.toy_world import BATCH, CLASSES, CONSTANTS, QUEUE, ToyEncoder, as_batch, batch


def one_by_one(prototypes, embeddings, labels, kept, momentum):
    moved = prototypes.clone()
    for embedding, label, keep in zip(embeddings, labels, kept, strict=True):
        if keep:
            moved[label] = momentum * moved[label] + (1 - momentum) * embedding
    return F.normalize(moved)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    samples=st.integers(1, 40),
    classes=st.integers(1, 12),
    momentum=st.floats(0, 1),
    keep_share=st.floats(0, 1),
)
def test_closed_form_equals_moving_sample_by_sample(seed, samples, classes, momentum, keep_share):
    rng = torch.Generator().manual_seed(seed)
    prototypes = F.normalize(torch.randn(classes, 8, generator=rng, dtype=torch.float64))
    embeddings = F.normalize(torch.randn(samples, 8, generator=rng, dtype=torch.float64))
    labels = torch.randint(classes, (samples,), generator=rng)
    kept = torch.rand(samples, generator=rng) < keep_share
    closed = move_prototypes(prototypes, embeddings, labels, kept, momentum)
    torch.testing.assert_close(closed, one_by_one(prototypes, embeddings, labels, kept, momentum), atol=1e-9, rtol=0)


def test_a_class_without_samples_keeps_its_prototype():
    prototypes = F.normalize(torch.eye(3))
    kept = torch.tensor([True])
    moved = move_prototypes(prototypes, torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0]), kept, 0.9)
    assert torch.equal(moved[1:], prototypes[1:])
    assert moved[0, 1] > 0


@pytest.mark.parametrize(
    ("scores", "given", "expected_label", "expected_kept"),
    [
        ([0.90, 0.05, 0.05], 0, 0, True),  # confident in the given label
        ([0.05, 0.90, 0.05], 0, 1, True),  # confident in another: corrected
        ([0.40, 0.55, 0.05], 0, 0, True),  # given label above chance: kept
        ([0.30, 0.65, 0.05], 0, 0, False),  # given label below chance, nothing confident: out of distribution
    ],
)
def test_noise_correction(scores, given, expected_label, expected_kept):
    logits = torch.tensor([scores], dtype=torch.float64).log()
    config = CONSTANTS.model_copy(update={"threshold": 0.8})
    labels, kept = correct_labels(logits, logits, torch.tensor([given]), config)
    assert labels.tolist() == [expected_label]
    assert kept.tolist() == [expected_kept]


def test_nothing_is_out_of_distribution_when_every_score_is_above_the_bound():
    config = CONSTANTS.model_copy(update={"keep_above": 0.0, "threshold": 1.0})
    logits = torch.randn(50, 5)
    given = torch.randint(5, (50,))
    labels, kept = correct_labels(logits, logits, given, config)
    assert kept.all() and torch.equal(labels, given)


def test_loss_without_kept_samples_is_zero_with_zero_gradients():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = masked_cross_entropy(logits, torch.zeros(4, dtype=torch.long), torch.zeros(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(4, 3))


def test_masked_loss_is_the_mean_over_kept_samples():
    logits, labels = torch.randn(6, 4), torch.randint(4, (6,))
    kept = torch.tensor([True, False, True, True, False, False])
    expected = F.cross_entropy(logits[kept], labels[kept])
    torch.testing.assert_close(masked_cross_entropy(logits, labels, kept), expected)


def test_a_batch_of_out_of_distribution_samples_trains_with_finite_losses():
    everything_rejected = CONSTANTS.model_copy(update={"threshold": 1.0})
    method = MoPro(ToyEncoder(), CLASSES, everything_rejected, seed=0).double()
    with torch.no_grad():
        method.encoder.classifier.weight.zero_()
        method.encoder.classifier.bias[0] = 50  # certain of class 0, while all labels are 1
        method.prototypes[0] = 1
    weak, strong, _ = batch(0)
    outcome = method(as_batch([weak, strong], torch.ones(BATCH, dtype=torch.long), epoch=2, step=0))
    sum(outcome.losses.values()).backward()
    assert not outcome.kept.any()
    assert outcome.losses["classification"].item() == 0
    assert all(loss.isfinite() for loss in outcome.losses.values())
    assert all(parameter.grad.isfinite().all() for parameter in method.encoder.parameters())


def test_the_queue_takes_keys_in_a_ring():
    method = MoPro(ToyEncoder(), CLASSES, CONSTANTS, seed=0).double()
    before = method.queue.clone()
    weak, strong, labels = batch(0)
    method(as_batch([weak, strong], labels, epoch=0, step=0))
    keys = method.momentum_encoder(strong)[1]
    torch.testing.assert_close(method.queue[:BATCH], keys)
    assert torch.equal(method.queue[BATCH:], before[BATCH:])
    for step in range(1, QUEUE // BATCH):
        method(as_batch([weak, strong], labels, epoch=0, step=step))
    assert method.queue_start.item() == 0


def test_gradients_reach_the_encoder_and_not_the_momentum_encoder():
    method = MoPro(ToyEncoder(), CLASSES, CONSTANTS, seed=0).double()
    weak, strong, labels = batch(0)
    sum(method(as_batch([weak, strong], labels, epoch=1, step=0)).losses.values()).backward()
    assert all(parameter.grad is not None for parameter in method.encoder.parameters())
    assert all(parameter.grad is None for parameter in method.momentum_encoder.parameters())
