"""The training set of a run as its configuration describes it: all of WebVision, or a part."""

from core.files import sha256_of
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.webvision.reader import read_train
from data.subsets import chosen_images
from pretrain.config import TrainingSetConfig


def training_images(config: TrainingSetConfig, workspace: Workspace) -> ImageTable:
    """The drawn images, or all, without the excluded ones; the provenance holds fingerprint and digest of exclusions.

    Raises:
        InputError: a list cannot be read or doesn't fit, or there are fewer images than are to be drawn.
    """
    exclusions = None if config.exclusions is None else workspace.dataset(config.exclusions)
    found = read_train(workspace.dataset(config.webvision), config.classes, config.part, config.sources)
    images = chosen_images(found, config.subset, exclusions)
    if exclusions is not None:
        workspace.provenance["exclusions"] = {"sha256": sha256_of(exclusions)}
    workspace.provenance["webvision"] = images.fingerprint()
    return images
