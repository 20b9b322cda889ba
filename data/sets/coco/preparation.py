"""COCO's zip files hold the folders that its reader takes."""

from data.preparation.declaration import Preparation, archive_by_archive, moved
from data.sets.coco.reader import IMAGES

PREPARATION = Preparation(
    archive_by_archive(
        {"annotations_trainval2017.zip": moved("annotations/", "annotations/")}
        | {f"{images}.zip": moved(f"{images}/", f"{images}/") for images in IMAGES.values()}
    ),
    marks_pixels=True,
)
