"""Places205's archives hold the folders that its reader takes."""

from data.preparation.declaration import Preparation, archive_by_archive, moved
from data.sets.places205.reader import IMAGES, LISTS

PREPARATION = Preparation(
    archive_by_archive(
        {
            "imagesPlaces205_resize.tar.gz": moved(f"{IMAGES}/", f"{IMAGES}/"),
            "trainvalsplit_places205.tar.gz": moved(f"{LISTS}/", f"{LISTS}/"),
        }
    ),
    shard_folders=(IMAGES,),
)
