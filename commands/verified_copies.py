"""Whether training images are still those among which ``run_all.py verify --full`` has found the broken ones."""

from pathlib import Path

from commands.selection import Selection
from core.errors import InputError
from data.sets.webvision.spec import WebVisionSet
from execution.jobs import jobs_by_state
from execution.verified import is_same_copy
from profiles.runs import PRETRAINING


def require_verified_copies(selection: Selection) -> None:
    """Look at the lists and at a sample of the images of every training that is to be done without the broken ones.

    A folder that does not exist is passed over: requirements name it.

    Raises:
        InputError: they are other images than those that were verified.
    """
    to_do = jobs_by_state(selection.selected, selection.runs).to_do
    trained_on = {job.tags["set"] for job in to_do if job.stage.id == PRETRAINING.id}
    for name, left_out in selection.left_out.items():
        section = selection.profile.data.webvision[name]
        if left_out.verified is None or name not in trained_on or not Path(section.folder).is_dir():
            continue
        if not is_same_copy(_fingerprint(section), left_out.verified):
            raise InputError(
                f"data.webvision.{name}.exclusions is verified, but the training images of {section.folder} are not "
                "those that verify --full has looked at: they have changed since, or others are drawn; run run_all.py "
                "verify --full again, with the same options."
            )


def _fingerprint(section: WebVisionSet) -> dict[str, object]:
    """Of all images that are drawn, broken ones included."""
    from data.sets.webvision.reader import read_train  # NumPy, which no other plan waits for
    from data.subsets import chosen_images

    images = read_train(Path(section.folder), section.classes, section.part, section.sources)
    return chosen_images(images, section.subset, None).fingerprint()
