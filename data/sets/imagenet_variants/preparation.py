"""ImageNet-R's and ImageNet-A's archives hold the synset folders in a folder of their name."""

from data.preparation.declaration import Preparation, archive_by_archive, moved
from data.sets.imagenet_variants.spec import Published


def _preparation(name: Published) -> Preparation:
    return Preparation(archive_by_archive({f"{name}.tar": moved(f"{name}/", "")}), shard_folders=("",))


PREPARATION_R, PREPARATION_A = _preparation("imagenet-r"), _preparation("imagenet-a")
