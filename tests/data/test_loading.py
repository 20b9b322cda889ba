"""The order of images: every image once, the same batches for every number of ranks and after every interruption."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.config import TrainingViews
from data.loading import EvaluationBatches, TrainingBatches, ViewedImages, batches, permutations
from data.sets.webvision.reader import read_train
from data.views import strong_view, weak_view

CONSTANTS = TrainingViews(size=28, crop_scale=(0.2, 1.0), jitter=0.4, grayscale=0.2)


@given(images=st.integers(8, 60), ranks=st.sampled_from([1, 2, 4]), seed=st.integers(0, 99))
def test_ranks_share_the_batches_of_one_process(images, ranks, seed):
    order = permutations(images, seed)
    alone = list(TrainingBatches(images, 8, 3, order))
    shares = [list(TrainingBatches(images, 8, 3, order, rank=rank, world_size=ranks)) for rank in range(ranks)]
    assert [[key for part in parts for key in part] for parts in zip(*shares, strict=True)] == alone


@given(images=st.integers(8, 60), first=st.integers(0, 30))
def test_a_later_start_gives_the_rest_of_the_same_batches(images, first):
    order = permutations(images, seed=5)
    whole = list(TrainingBatches(images, 8, 3, order))
    sampler = TrainingBatches(images, 8, 3, order, first_step=min(first, len(whole)))
    assert list(sampler) == whole[first:]
    assert len(sampler) == len(whole[first:])


def test_an_epoch_visits_no_image_twice_and_epochs_differ():
    steps = list(TrainingBatches(50, 8, 2, permutations(50, seed=1)))
    epochs = [[index for batch in steps if batch[0][0] == epoch for _, index in batch] for epoch in range(2)]
    assert all(len(set(order)) == len(order) == 48 for order in epochs)
    assert epochs[0] != epochs[1]


@given(images=st.integers(1, 60), ranks=st.integers(1, 5), batch_size=st.integers(1, 9))
def test_evaluation_sees_every_image_once(images, ranks, batch_size):
    samplers = [EvaluationBatches(images, batch_size, rank=rank, world_size=ranks) for rank in range(ranks)]
    seen = [index for sampler in samplers for batch in sampler for _, index in batch]
    assert sorted(seen) == list(range(images))
    assert all(len(list(sampler)) == len(sampler) for sampler in samplers)


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_does_not_depend_on_workers_or_start(miniature, workers):
    images = read_train(miniature / "webvision", 10)
    dataset = ViewedImages(images, [weak_view(CONSTANTS), strong_view(CONSTANTS)], seed=4)
    order = permutations(len(images), seed=4)
    sampler = TrainingBatches(len(images), 20, 1, order)
    reference = list(batches(dataset, sampler, workers=0))
    resumed = batches(dataset, TrainingBatches(len(images), 20, 1, order, first_step=7), workers)
    for expected, found in zip(reference[7:], resumed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected[0], found[0], strict=True))
        assert torch.equal(expected[1], found[1]) and torch.equal(expected[2], found[2])
