"""WebVision's archives hold the folders that its reader takes; V2.0 calls that of its validation images otherwise."""

from data.preparation.declaration import Preparation, archive_by_archive, moved
from data.sets.webvision.reader import VALIDATION_IMAGES, VALIDATION_LIST
from data.sets.webvision.spec import SOURCES

V1 = {f"{source}_resized_256.tar": moved(f"{source}/", f"{source}/") for source in SOURCES} | {
    "val_images_256.tar": moved(f"{VALIDATION_IMAGES}/", f"{VALIDATION_IMAGES}/")
}
V2 = {f"webvision_train_{part:02}.tar": moved("", "") for part in range(33)} | {  # as its lists name them
    "val_images_resized.tar": moved("val_images_resized/", f"{VALIDATION_IMAGES}/"),
    "val_filelist.txt": moved("val_filelist.txt", VALIDATION_LIST),
}

PREPARATION = Preparation(
    archive_by_archive({"info.tar": moved("info/", "info/"), **V1, **V2}), shard_folders=(VALIDATION_IMAGES, "")
)
