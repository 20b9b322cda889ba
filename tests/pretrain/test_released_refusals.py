"""Released files that are refused: another one than was meant, with code in it, damaged, or without what is needed."""

import pytest
import torch

from core.errors import InputError
from core.files import sha256_of
from core.workspace import MODEL_FILE
from pretrain import released
from pretrain.checkpoints import load_encoder
from tests.support.released_files import config, workspace

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("MoPro V2", "has one of 5000 classes"),
        ("MoCo v2", "has none that can be used"),
        ("SimCLR", "has none that can be used"),
    ],
)
def test_a_classifier_that_is_not_there_is_not_promised(name, held, files, tmp_path):
    with pytest.raises(InputError, match=rf"key classifier is 'web', .*1000 classes, but .* {held}: set it to none"):
        released.run(config(files(name), classifier="web"), workspace(tmp_path))


def test_another_file_than_was_meant(files, tmp_path):
    digest = sha256_of(files("SwAV"))
    released.run(config(files("SwAV"), sha256=digest), workspace(tmp_path))
    with pytest.raises(InputError, match=rf"has the SHA-256 {digest}, expected {'0' * 64}: download it again"):
        released.run(config(files("SwAV"), sha256="0" * 64), workspace(tmp_path))


class Malicious:
    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_file_is_refused_and_does_not_run(is_zip, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": {"fc.bias": whole["fc.bias"]}, "optimizer": Malicious()}
    torch.save(content, "file.pth", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError) as error:
        released.run(config(tmp_path / "file.pth"), workspace(tmp_path / "job"))
    assert "is refused, and none of its code was run" in error.value.sentence
    assert "\n" not in error.value.sentence and "weights_only" not in error.value.sentence
    assert not (tmp_path / "executed").exists()


def test_files_that_cannot_be_read(files, tmp_path):
    for name, content, complaint in (
        ("missing.pth", None, r"missing\.pth does not exist: download it"),
        ("text.pth", b"<html>quota exceeded</html>", r"text\.pth is a web page or XML: download the file itself"),
        (
            "half.pth",
            files("SwAV").read_bytes()[:1_000_000],
            r"half\.pth is damaged or was cut short: download it again",
        ),
        ("empty.pth", b"", r"empty\.pth is empty: download it"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=complaint) as error:
            released.run(config(tmp_path / name), workspace(tmp_path / "job"))
        assert "\n" not in error.value.sentence


def test_a_release_is_no_mopro_to_clean_with(files, tmp_path):
    released.run(config(files("SimCLR")), workspace(tmp_path))
    with pytest.raises(InputError, match="holds no classifier"):
        load_encoder(tmp_path / MODEL_FILE)
