"""The training set of a run as its configuration describes it: all of WebVision, or a part."""

import numpy as np

from core.files import sha256_of
from core.workspace import Workspace
from data.images import ImageTable
from data.subsets import drawn_rows, images_named_in
from data.webvision import read_train
from pretrain.config import TrainingSetConfig


def training_images(config: TrainingSetConfig, workspace: Workspace) -> ImageTable:
    """The drawn images, or all, without the excluded ones; the provenance holds fingerprint and digests.

    The draw comes first: leaving a broken image out changes nothing else.

    Raises:
        InputError: a list cannot be read or doesn't fit, or there are fewer images than are to be drawn.
    """
    images = read_train(workspace.dataset(config.webvision), config.classes)
    chosen = np.ones(len(images), dtype=bool)
    if config.subset is not None:
        chosen[:] = False
        chosen[drawn_rows(images, config.subset.images, config.subset.seed)] = True
    if config.exclusions is not None:
        path = workspace.dataset(config.exclusions)
        excluded = images_named_in(images, path)
        chosen &= ~excluded
        workspace.provenance["exclusions"] = {"sha256": sha256_of(path), "images": int(excluded.sum())}
    if not chosen.all():
        images = images.subset(np.flatnonzero(chosen))
    workspace.provenance["webvision"] = images.fingerprint()
    return images
