"""VOC2007's archives hold the devkit's folder."""

from data.preparation.declaration import Preparation, archive_by_archive, moved

_PLACE = moved("VOCdevkit/VOC2007/", "VOC2007/")

PREPARATION = Preparation(
    archive_by_archive({"VOCtrainval_06-Nov-2007.tar": _PLACE, "VOCtest_06-Nov-2007.tar": _PLACE}), marks_pixels=True
)
