"""How the images of a trunk are normalised and padded, where that is not our own way; light to import."""

from typing import Literal, NamedTuple


class Convention(NamedTuple):
    """From an 8-bit image to what the first convolution sees, and how convolutions pad.

    Attributes:
        mean, deviation: of the channels, in 8-bit units and in the order that ``channels`` names.
        channels: their order.
        padding: of strided convolutions and pooling: ``symmetric``, as torchvision has it, or ``same``, as TensorFlow
            and Haiku have it (of an odd number of pixels, the extra one goes to the right and the bottom).
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    channels: Literal["RGB", "BGR"] = "RGB"
    padding: Literal["symmetric", "same"] = "symmetric"


OURS = Convention(mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375))  # ImageNet's, as in data/views.py
SAME_PADDING = OURS._replace(padding="same")
ZERO_TO_ONE = Convention(mean=(0.0, 0.0, 0.0), deviation=(255.0, 255.0, 255.0))
