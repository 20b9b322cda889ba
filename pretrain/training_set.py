"""The training set of a run as its configuration describes it: all of WebVision, or a part."""

from core.errors import InputError
from core.files import sha256_of
from core.workspace import Workspace
from data.images import ImageTable
from data.sets.webvision.reader import read_train
from data.subsets import chosen_images
from pretrain.config import TrainingSetConfig


def training_images(config: TrainingSetConfig, workspace: Workspace) -> ImageTable:
    """The drawn images, or all, without the excluded ones.

    The provenance holds their fingerprint; of the exclusions the list's digest, and how many images it left out.

    Raises:
        InputError: a list cannot be read, doesn't fit or was changed, or there are fewer images than are to be drawn.
    """
    exclusions = None if config.exclusions is None else workspace.dataset(config.exclusions)
    found = read_train(workspace.dataset(config.webvision), config.classes, config.part, config.sources)
    images = chosen_images(found, config.subset, exclusions)
    if exclusions is not None:
        digest, drawn = sha256_of(exclusions), config.subset.images if config.subset else len(found)
        if config.exclusions_sha256 not in (None, digest):
            raise InputError(
                f"The list {exclusions} was changed after the job was planned: give the same command again."
            )
        workspace.provenance["exclusions"] = {"sha256": digest, "images": drawn - len(images)}
    workspace.provenance["webvision"] = images.fingerprint()
    return images
