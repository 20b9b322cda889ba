"""Images that show what noise cleaning did: corrected, dropped, kept, and the nearest to some prototypes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from core.exhibits import Exhibit
from core.seeds import generator
from data.images import ImageTable
from data.miniature.classes import IMAGENET_CLASSES
from data.miniature.writers import OUT_OF_DISTRIBUTION
from pretrain.methods.mopro.correction import Correction

IMAGES_OF_A_GROUP = 12
PROTOTYPES = 10
IMAGES_OF_A_PROTOTYPE = 6
LONGER_SIDE = 128  # pixels
SYNSETS = "info/synsets.txt"  # WebVision's: a line "synset name, other name" for each class


def gallery(images: ImageTable, correction: Correction, truth: np.ndarray | None) -> list[Exhibit]:
    """The groups ``corrected``, ``dropped``, ``kept`` and ``prototypes``, of images that depend on the data set alone.

    Args:
        images: the training set.
        correction: what cleaning made of it.
        truth: ``[n]`` true labels, -1 for out of distribution; None where they are not known.
    """
    names = class_names(images, truth)
    changed = correction.pseudo != images.labels
    groups = {"corrected": correction.kept & changed, "dropped": ~correction.kept, "kept": correction.kept & ~changed}
    shuffled = generator(0, "gallery").permutation(len(images))
    exhibits = []
    for group, belongs in groups.items():
        rows = shuffled[belongs[shuffled]][:IMAGES_OF_A_GROUP]
        exhibits += [_image_of_group(group, int(row), images, correction, truth, names) for row in rows]
    for prototype in np.unique(correction.prototype)[:PROTOTYPES]:
        near = np.flatnonzero(correction.prototype == prototype)
        nearest = near[np.argsort(-correction.similarity[near], kind="stable")][:IMAGES_OF_A_PROTOTYPE]
        exhibits += [_near_a_prototype(int(row), images, correction, truth, names) for row in nearest]
    return exhibits


def class_names(images: ImageTable, truth: np.ndarray | None) -> Sequence[str]:
    """A short name for every class: the data set's own, the miniature's, or else its number."""
    numbers = range(images.classes) if images.numbers is None else images.numbers
    path = images.root / SYNSETS
    if truth is not None:
        names = [item.name for item in IMAGENET_CLASSES]
    elif path.exists():
        lines = path.read_text(errors="replace").splitlines()
        names = [line.partition(" ")[2].partition(",")[0].strip() for line in lines]
    else:
        names = []
    fit = len(names) > max(numbers) if images.numbers else len(names) == images.classes
    return [names[number] for number in numbers] if fit and all(names) else [f"class {number}" for number in numbers]


def _image_of_group(
    group: str, row: int, images: ImageTable, correction: Correction, truth: np.ndarray | None, names: Sequence[str]
) -> Exhibit:
    given, pseudo = names[images.labels[row]], names[correction.pseudo[row]]
    caption = {"corrected": f"{given} → {pseudo}", "dropped": given, "kept": given}[group]
    details = {
        "given": given,
        "score_of_given": round(float(correction.given_score[row]), 3),
        "highest_score": round(float(correction.highest[row]), 3),
    }
    if group == "corrected":
        details["new"] = pseudo
    if truth is not None:
        details["truth"] = _true_name(truth[row], names)
        expected = OUT_OF_DISTRIBUTION if group == "dropped" else correction.pseudo[row]
        details["agrees"] = bool(truth[row] == expected)
    return Exhibit(group, _thumbnail(images.decode(row)), caption, details)


def _near_a_prototype(
    row: int, images: ImageTable, correction: Correction, truth: np.ndarray | None, names: Sequence[str]
) -> Exhibit:
    prototype = correction.prototype[row]
    details = {
        "prototype": names[prototype],
        "similarity": round(float(correction.similarity[row]), 3),
        "given": names[images.labels[row]],
    }
    if truth is not None:
        details["truth"] = _true_name(truth[row], names)
        details["agrees"] = bool(truth[row] == prototype)
    return Exhibit("prototypes", _thumbnail(images.decode(row)), names[prototype], details)


def _true_name(label: int, names: Sequence[str]) -> str:
    return "no class" if label == OUT_OF_DISTRIBUTION else names[label]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
    return np.asarray(picture)
