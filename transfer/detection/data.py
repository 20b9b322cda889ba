"""COCO as mmdet reads it, in an order and with views that depend on the seed and the position alone."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.registry import DATASETS, TRANSFORMS
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader, Dataset, Sampler

from core.distributed import rank, world_size
from core.seeds import generator
from data.images import ImageFile
from data.loading import EvaluationBatches
from data.sets.coco.reader import COCOSplit
from transfer.detection.config import DetectionConfig
from transfer.detection.mmdet_config import dataset_config

Key = tuple[int, int]  # (position in the stream of all images, index)


@TRANSFORMS.register_module()
class ReadWholeImage(BaseTransform):
    """Reads an image as RGB, and refuses a damaged one."""

    def __init__(self, source: str) -> None:
        self.source = Path(source)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        path = Path(results["img_path"])
        image = ImageFile.opened(path.read_bytes, path, self.source).pixels()
        return results | {"img": image, "img_shape": image.shape[:2], "ori_shape": image.shape[:2]}


class SeededImages(Dataset):
    """mmdet's data set, whose transforms draw from the global generators: these are set for every image.

    Args:
        dataset: of mmdet.
        seed: with the position in the stream, it determines the view.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed
        self.metainfo = dataset.metainfo

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Mapping[str, Any]:
        position, index = key
        state = int(generator(self.seed, "detection-view", position).integers(2**32))
        random.seed(state)
        np.random.seed(state)
        return self.dataset[index]


class AspectBatches(Sampler[list[Key]]):
    """This rank's batches, some of an endless stream.

    The images of a batch are all wider than high, or none is, so that little is padded.

    Args:
        wide: ``[n]``, whether an image is wider than high.
        share: images in a batch of this rank.
        seed: of the order of images.
        batches: numbers of those that are wanted, from 0, without gaps.
    """

    def __init__(self, wide: np.ndarray, share: int, seed: int, batches: range) -> None:
        self.wide = wide
        self.share = share
        self.seed = seed
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Key]]:
        waiting: dict[bool, list[Key]] = {True: [], False: []}
        done = 0
        for position, index in self._stream():
            group = waiting[bool(self.wide[index])]
            group.append((position, index))
            if len(group) == self.share:
                if done == self.batches.stop:
                    return
                if done in self.batches:
                    yield list(group)
                done += 1
                group.clear()

    def _stream(self) -> Iterator[Key]:
        """Every ``world_size``-th position of the permutations of all epochs."""
        images, epoch, position = len(self.wide), 0, rank()
        while True:
            order = generator(self.seed, "order", epoch).permutation(images)
            while position < (epoch + 1) * images:
                yield position, int(order[position - epoch * images])
                position += world_size()
            epoch += 1


def training_batches(split: COCOSplit, config: DetectionConfig, numbers: range) -> DataLoader:
    """Some batches of this rank, by their numbers in the stream of all."""
    dataset = DATASETS.build(dataset_config(split, config, training=True))
    sizes = [dataset.get_data_info(index) for index in range(len(dataset))]
    wide = np.array([size["width"] > size["height"] for size in sizes])
    sampler = AspectBatches(wide, config.batch_size // world_size(), config.seed, numbers)
    return _loader(SeededImages(dataset, config.seed), sampler, config.runtime.workers)


def test_images(split: COCOSplit) -> EvaluationBatches:
    """This rank's share of a split, one image at a time; over all ranks every image comes exactly once."""
    return EvaluationBatches(split.images, 1, rank=rank(), world_size=world_size())


def test_batches(split: COCOSplit, config: DetectionConfig, images: EvaluationBatches) -> DataLoader:
    """Some images of a split, one at a time."""
    dataset = DATASETS.build(dataset_config(split, config, training=False))
    return _loader(SeededImages(dataset, config.seed), images, config.runtime.workers)


def _loader(dataset: Dataset, sampler: Sampler, workers: int) -> DataLoader:
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=pseudo_collate,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork" if workers else None,
    )
