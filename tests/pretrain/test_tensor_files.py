"""What is taken for a file of tensors, and what is said of everything else: advice is followed to the letter here."""

import argparse
import bz2
import collections
import gzip
import io
import lzma
import os
import pickle
import re
import shlex
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.errors import InputError
from pretrain import extract_tensors
from pretrain.tensor_files import fault_of, load_tensors, read_tensors, save_tensors

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.num_batches_tracked": torch.tensor(7)}


def as_bytes(value: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_tensors(path, "fetch it", "extract them")
    assert str(path) in error.value.sentence and "\n" not in error.value.sentence
    assert "weights_only" not in error.value.sentence
    return error.value.sentence


def is_read(path: Path) -> bool:
    content, _ = read_tensors(path, "", "")
    return content.keys() == TENSORS.keys() and all(torch.equal(content[name], TENSORS[name]) for name in TENSORS)


def follow(sentence: str, folder: Path) -> None:
    """Give the command that a sentence advises."""
    command = re.search("`(.*)`", sentence)
    subprocess.run(command[1].replace("python ", "python3 "), shell=True, check=True, cwd=folder)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress])
def test_a_compressed_file(tmp_path, compress):
    path = tmp_path / "a file.pth"
    path.write_bytes(compress(as_bytes(TENSORS)))
    said = refusal(path)
    assert "is compressed: unpack it with" in said
    follow(said, tmp_path)
    assert is_read(tmp_path / "NEW_FILE")


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_archive(tmp_path, format):
    (tmp_path / "inner.pth").write_bytes(as_bytes(TENSORS))
    with tarfile.open(tmp_path / "model.pth.tar", "w", format=format) as archive:
        archive.add(tmp_path / "inner.pth", "model_best.pth")
    said = refusal(tmp_path / "model.pth.tar")
    assert "is a tar archive" in said
    follow(said, tmp_path)
    assert is_read(tmp_path / "model_best.pth")


def test_a_zip_archive_around_a_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("release/model.pth", as_bytes(TENSORS))
    said = refusal(tmp_path / "model.zip")
    assert "is a zip archive, but not one that torch.save wrote" in said
    follow(said, tmp_path)
    assert is_read(tmp_path / "NEW_FOLDER/release/model.pth")


def test_a_torchscript_archive(tmp_path):
    torch.jit.script(torch.nn.Linear(3, 2)).save(str(tmp_path / "scripted.pt"))
    assert "is a program of TorchScript: load it with torch.jit.load" in refusal(tmp_path / "scripted.pt")
    torch.save(torch.jit.load(tmp_path / "scripted.pt").state_dict(), tmp_path / "new.pt")
    assert read_tensors(tmp_path / "new.pt", "", "")[0].keys() == {"weight", "bias"}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102400\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POINTER, "is a pointer of Git LFS: fetch what it points to with `git lfs pull`"),
        (b"\n <!DOCTYPE html><html>", "is a web page or XML: download the file itself"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error>", "is a web page or XML"),
        (b'{"metadata": {}, "weight_map": {}}', "is JSON: name the file of weights that it describes"),
        (b"", "is empty: fetch it"),
        (b"\0" * 20_000, "is not a file that torch.save or safetensors wrote, or its beginning is damaged: fetch it"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "is an HDF5 file: convert it"),
        (pickle.dumps({"a": np.zeros(3)}), "is a pickle that torch.save did not write: convert it"),
        (b"404: Not Found", "is not a file that torch.save or safetensors wrote"),
        (as_bytes(TENSORS)[:-30], "is damaged or was cut short: fetch it"),
        (as_bytes(TENSORS)[1:], "is not a file that torch.save or safetensors wrote, or its beginning is damaged"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, said):
    (tmp_path / "file.pth").write_bytes(content)
    assert said in refusal(tmp_path / "file.pth")


def test_a_folder_and_nothing_at_all(tmp_path):
    assert "is a folder: name a file in it" in refusal(tmp_path)
    assert "does not exist: fetch it" in refusal(tmp_path / "nothing.pth")


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path):
    save_tensors(tmp_path / "a.pt", TENSORS)
    (tmp_path / "a.pt").chmod(0)
    assert "cannot be read (Permission denied): make it readable" in refusal(tmp_path / "a.pt")


def test_safetensors_are_read_whatever_they_are_called(tmp_path):
    for name in ("model.safetensors", "model.bin"):
        save_file(TENSORS, tmp_path / name)
        assert is_read(tmp_path / name)
    content = (tmp_path / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(content[:-5])
    assert "is no file of tensors" in refusal(tmp_path / "model.bin")


def test_whether_sums_were_checked_is_known(tmp_path):
    (tmp_path / "zip.pt").write_bytes(as_bytes(TENSORS))
    (tmp_path / "old.pt").write_bytes(as_bytes(TENSORS, _use_new_zipfile_serialization=False))
    torch.serialization.set_crc32_options(False)
    (tmp_path / "without.pt").write_bytes(as_bytes(TENSORS))
    torch.serialization.set_crc32_options(True)
    found = {path.name: (is_read(path), read_tensors(path, "", "")[1]) for path in tmp_path.iterdir()}
    assert found == {
        "zip.pt": (True, ("zip", True)),
        "old.pt": (True, ("pickle", False)),
        "without.pt": (True, ("zip", False)),
    }


@pytest.mark.parametrize("place", ["data/0", "data.pkl"])
def test_a_byte_that_changed_is_noticed(tmp_path, place):
    content = bytearray(as_bytes(TENSORS))
    archive = zipfile.ZipFile(io.BytesIO(content))
    (member,) = (member for member in archive.infolist() if member.filename.endswith(f"/{place}"))
    content[content.index(archive.read(member)) + 6] ^= 64
    (tmp_path / "file.pth").write_bytes(content)
    assert f"is damaged or was cut short (the sum of {member.filename} is wrong): fetch it" in refusal(
        tmp_path / "file.pth"
    )


def test_a_tensor_that_the_archive_calls_a_folder(tmp_path):
    """Its sum is right, and torch reads nothing for it: the tensor would be what the memory held."""
    content = bytearray(as_bytes(TENSORS))
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"/data/1"))
    content[entry + 38] |= 0x10  # the attributes' first byte
    (tmp_path / "file.pth").write_bytes(content)
    assert "is damaged or was cut short (it calls file/data/1 a folder): fetch it" in refusal(
        tmp_path / "file.pth"
    ).replace("archive/data", "file/data")


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", b'{"error": 1}', POINTER, gzip.compress(b"a" * 99, mtime=0)]
)
def test_what_helps_with_a_file_of_ours_is_to_write_it_anew(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(InputError) as error:
        load_tensors(tmp_path / "model.pt")
    assert error.value.sentence.endswith(
        f": delete {tmp_path / 'record.json'}, and the same command as before writes it anew."
    )


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.tensor([1, float("nan")]), "not finite"),
        (torch.tensor([[-float("inf")]], dtype=torch.bfloat16), "not finite"),
        (torch.tensor([1e300], dtype=torch.double), "not finite"),  # in float32
        (torch.tensor([float("nan")]).to(torch.float8_e5m2), "not finite"),
        (torch.zeros(2, device="meta"), "not stored as an array"),
        (torch.eye(2).to_sparse(), "not stored as an array"),
        (torch.zeros(2, dtype=torch.cfloat), "not stored as an array"),
        (torch.tensor([3, -7]), None),
        (torch.zeros(0), None),
        (torch.tensor([3e38, -3e38]), None),
    ],
)
def test_numbers_that_are_none(tensor, said):
    found = fault_of("a.weight", tensor)
    assert found is None if said is None else said in found and found.startswith("a.weight")


class Malicious:
    """Runs a command when it is unpickled as pickle does."""

    def __init__(self, call: tuple[Callable, tuple]) -> None:
        self.call = call

    def __reduce__(self) -> tuple:
        return self.call


class Stateful:
    """Has members."""

    def __init__(self, state: Any) -> None:
        self.state = state


class Settings(dict):
    """An unknown kind of dictionary."""


def file_of(content: Any, folder: Path, **how: Any) -> Path:
    (folder / "stranger's.pth").write_bytes(as_bytes(content, **how))
    return folder / "stranger's.pth"


WAYS = [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}, {"pickle_protocol": 5}]


@pytest.mark.parametrize("how", WAYS)
def test_tensors_are_extracted_from_beside_strangers(tmp_path, how, capsys):
    content = {
        "state_dict": collections.OrderedDict(TENSORS | {"b": torch.nn.Parameter(torch.ones(2))}),
        "args": argparse.Namespace(lr=0.1),
        "config": Settings(depth=50, hooks=Stateful([1])),
        "best": np.float64(3),
        "epochs": [1, Stateful(2), (3, None)],
        "counts": collections.defaultdict(int, x=1),
    }
    path = file_of(content, tmp_path, **how)
    assert extract_tensors.main([str(path), str(tmp_path / "new.pth")]) == 0
    found, _ = read_tensors(tmp_path / "new.pth", "", "")
    state = found.pop("state_dict")
    assert all(torch.equal(state[name], tensor) for name, tensor in content["state_dict"].items())
    assert type(state["b"]) is torch.Tensor
    assert found == {"config": {"depth": 50}, "epochs": [1, None, (3, None)], "counts": {"x": 1}}
    said = capsys.readouterr().out
    assert "new.pth: 3 tensors\nleft out: args (argparse.Namespace)\nleft out: config.hooks (tests." in said


@pytest.mark.parametrize("how", WAYS[:2])
def test_a_whole_module_becomes_its_state_dict(tmp_path, how):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Sequential(torch.nn.BatchNorm2d(2)))
    found, left_out = extract_tensors.extract(file_of(network, tmp_path, **how))
    assert not left_out and found.keys() == network.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


def calls(folder: Path) -> dict[str, Any]:
    """Objects that would leave a file behind if any of their code ran."""
    mark = f"touch {shlex.quote(str(folder / 'executed'))}"
    code = f"open({str(folder / 'executed')!r}, 'w')"
    return {
        "system": Malicious((os.system, (mark,))),
        "eval": Malicious((eval, (code,))),
        "nested": {"a": [Malicious((exec, (code,)))], "b": TENSORS},
        "getattr": Malicious((getattr, (Malicious((__import__, ("os",))), "system"))),
        "chain": Malicious((Malicious.__new__, (Malicious((eval, (code,))),))),
        "state": Stateful(Malicious((eval, (code,)))),
        "key": {Malicious((str, (Malicious((eval, (code,))),))): 1},
        "popen": Malicious((subprocess.Popen, (mark, -1, None, None, None, None, None, True, True))),
        "load": Malicious((pickle.loads, (pickle.dumps(Malicious((os.system, (mark,)))),))),
        "torch": Malicious((torch.load, (str(folder / "other"),))),
        "hub": Malicious((torch.utils.data._utils.collate.default_collate, (Malicious((eval, (code,))),))),
    }


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", calls(Path()))
def test_no_code_of_a_file_runs(tmp_path, name, how):
    path = file_of({"tensors": TENSORS, "object": calls(tmp_path)[name]}, tmp_path, **how)
    found, _ = extract_tensors.extract(path)
    assert found["tensors"].keys() == TENSORS.keys()
    refusal(path)
    assert not (tmp_path / "executed").exists()


def test_the_objects_of_this_test_do_run_code_as_pickle_reads_them(tmp_path):
    pickle.loads(pickle.dumps(calls(tmp_path)["eval"]))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb.",  # gives the function a member
        b"ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__)s\x86b.",  # changes how it is called
        b"ccollections\nOrderedDict\n}X\x04\x00\x00\x00nameK\x01sb.",  # gives a class one
        b"(ios\nsystem\n.",
        b"c__builtin__\neval\n(X\x04\x00\x00\x001+1.",
        b"\x82\x01.",  # an extension that nobody has registered
        b"]\x94h\x00a0h\x00.",  # a list that holds itself
        b"(" * 100_000 + b"l" * 100_000 + b".",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"NQ.",
    ],
)
def test_hostile_programs_are_refused(tmp_path, program):
    with zipfile.ZipFile(tmp_path / "file.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + program)
        archive.writestr("archive/version", "3\n")
    with pytest.raises(InputError) as error:
        extract_tensors.extract(tmp_path / "file.pth")
    assert "\n" not in error.value.sentence
    refusal_or_content = load_or_refuse(tmp_path / "file.pth")
    assert refusal_or_content is None or not isinstance(refusal_or_content, torch.Tensor)
    assert extract_tensors._Tensor.__name__ == "_Tensor" and not hasattr(extract_tensors._Tensor, "a")


def load_or_refuse(path: Path) -> Any:
    try:
        return load_tensors(path)
    except InputError as error:
        assert "\n" not in error.sentence
        return None


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path):
    content = as_bytes({"a": torch.arange(6.0)})
    archive = zipfile.ZipFile(io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "file.pth", "w") as longer:
        for member in archive.infolist():
            kept = archive.read(member)
            if member.filename.endswith("data.pkl"):
                assert b"K\x00K\x06\x85" in kept
                kept = kept.replace(b"K\x00K\x06\x85", b"K\x00K\x09\x85")
            longer.writestr(member.filename, kept)
    with pytest.raises(InputError, match="cannot be read, and none of its code was run"):
        extract_tensors.extract(tmp_path / "file.pth")


def test_the_command_says_what_it_cannot_do(tmp_path):
    (tmp_path / "plain.pth").write_bytes(as_bytes({"epoch": 3}))
    save_tensors(tmp_path / "there.pth", TENSORS)
    for given, said in (
        (("nothing.pth", "new.pth"), r"nothing\.pth does not exist: download it"),
        (("plain.pth", "new.pth"), r"plain\.pth holds no tensor"),
        (("there.pth", "plain.pth"), r"plain\.pth exists: name one that does not"),
        (("there.pth", "there.pth/new.pth"), r"new\.pth cannot be written \(.*\): name another"),
    ):
        with pytest.raises(InputError, match=rf"^The .*{said}[^\n]*$"):
            extract_tensors.main([str(tmp_path / name) for name in given])
    assert not (tmp_path / "new.pth").exists()
