import json

import numpy as np
import pytest
from PIL import Image

from core.exhibits import EXHIBITS_FILE, Exhibit, write_exhibits


def test_pictures_lie_beside_their_list(tmp_path):
    red = np.full((4, 6, 3), (200, 0, 0), np.uint8)
    write_exhibits(tmp_path, [Exhibit("corrected", red, "coat -> dress", {"score": 0.9})])

    (entry,) = json.loads((tmp_path / EXHIBITS_FILE).read_text())

    assert entry["group"] == "corrected" and entry["caption"] == "coat -> dress" and entry["details"] == {"score": 0.9}
    pixels = np.asarray(Image.open(tmp_path / entry["image"])).astype(int)
    assert pixels.shape == red.shape and abs(pixels - red).max() < 8


def test_a_list_of_pictures_holds_finite_numbers_alone(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_exhibits(tmp_path, [Exhibit("kept", np.zeros((2, 2, 3), np.uint8), "", {"score": float("nan")})])
    assert not (tmp_path / EXHIBITS_FILE).exists()
