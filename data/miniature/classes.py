"""The miniature's twenty classes, with their WordNet synsets: ten to pretrain on, all twenty to transfer to."""

from typing import NamedTuple


class ItemClass(NamedTuple):
    """A kind of item: its synset (the name of its ImageNet folder) and its name (in VOC)."""

    synset: str
    name: str


# In the order of their labels in the sources.
CLOTHING = (
    ItemClass("n03595614", "tshirt"),
    ItemClass("n04489008", "trouser"),
    ItemClass("n04021028", "pullover"),
    ItemClass("n03236735", "dress"),
    ItemClass("n03057021", "coat"),
    ItemClass("n04133789", "sandal"),
    ItemClass("n04197391", "shirt"),
    ItemClass("n03472535", "sneaker"),
    ItemClass("n02774152", "bag"),
    ItemClass("n02872752", "boot"),
)
ANIMALS = (
    ItemClass("n02131653", "bear"),
    ItemClass("n01503061", "bird"),
    ItemClass("n02121620", "cat"),
    ItemClass("n01887787", "cow"),
    ItemClass("n02084071", "dog"),
    ItemClass("n02503517", "elephant"),
    ItemClass("n02439033", "giraffe"),
    ItemClass("n02374451", "horse"),
    ItemClass("n02411705", "sheep"),
    ItemClass("n02391049", "zebra"),
)

IMAGENET_CLASSES = tuple(sorted(CLOTHING))  # class i is the i-th synset in sorted order, as in ImageNet
VOC_CLASSES = tuple(sorted(CLOTHING + ANIMALS, key=lambda item_class: item_class.name))
COCO_CLASSES = VOC_CLASSES[::2]  # five that pretraining shows, five that it does not
