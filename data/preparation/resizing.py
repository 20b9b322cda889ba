"""Images resized once, to a shorter side that is long enough for what reads them."""

import io
from pathlib import Path

from PIL import Image

from core.errors import InputError
from data.images import ImageFile

QUALITY = 95  # of the JPEG; above it files grow much faster than they gain


def resized(content: bytes, shorter_side: int) -> bytes:
    """A JPEG whose shorter side has so many pixels; the image itself, where that one has no more.

    It is decoded as training decodes it, at full size, and resized with linear interpolation and antialiasing; the
    longer side is rounded down, as in evaluation views. An image that is broken stays as it is: whoever reads it says
    what is wrong.
    """
    try:
        image = ImageFile.opened(lambda: content, Path(), Path())
        if min(image.width, image.height) <= shorter_side:
            return content
        pixels = Image.fromarray(image.pixels())
    except InputError:
        return content
    width, height = (side * shorter_side // min(pixels.size) for side in pixels.size)
    file = io.BytesIO()
    pixels.resize((width, height), Image.Resampling.BILINEAR).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
