"""Fuzzing of the gate for tensors: what is damaged is refused in one sentence, or read as if it were not."""

import io
import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors

from core.errors import InputError
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported, load_classifier, load_trunk
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.extract_tensors import extract
from pretrain.layouts import recognise, tensors_of
from pretrain.tensor_files import checked_format, load_tensors, read_tensors, save_tensors, tensors_in
from tests.fuzzing import fuzz

FEW = settings(max_examples=60, deadline=None, derandomize=True)
SMALL = BackboneConfig(depth=10, width=8, stem="small")
CONTENT = {
    "epoch": 90,
    "arch": "resnet50",
    "state_dict": {
        "module.conv1.weight": torch.arange(24.0).view(2, 3, 4),
        "module.bn1.running_var": torch.ones(3, dtype=torch.double),
        "module.bn1.num_batches_tracked": torch.tensor(7),
        "module.half": torch.arange(5).half(),
        "module.view": torch.arange(30.0)[4:20:2],
    },
    "optimizer": {"param_groups": [{"lr": 0.1, "nesterov": False, "params": [0, 1]}], "state": {0: None}},
}
TENSORS = dict(tensors_in(CONTENT))


def file_of(value: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


FILES = {
    "zip": file_of(CONTENT),
    "legacy": file_of(CONTENT, _use_new_zipfile_serialization=False),
    "safetensors": as_safetensors({name: tensor.contiguous() for name, tensor in TENSORS.items()}),
}
PROGRAM = zipfile.ZipFile(io.BytesIO(FILES["zip"])).read("archive/data.pkl")
NAMES = (
    *("os system", "subprocess Popen", "builtins eval", "builtins getattr", "builtins set", "collections OrderedDict"),
    *("torch FloatStorage", "torch Size", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"),
)
PARTS = (  # what hostile programs are made of: instructions with their arguments, and names to be called
    *(code.encode() for code in "})](021Naesutldb"),
    *(b"R", b"o", b"Q", b"\x81", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94"),
    *(b"\x88", b"K\x03", b"J\xff\xff\xff\x7f", b"G?\xf0\0\0\0\0\0\0", b"X\x0c\0\0\0__defaults__"),
    *(b"X\x07\0\0\0storage", b"X\x03\0\0\0cpu", b"X\x01\0\0\x000", b"Pstorage\n"),
    *(b"q\x01", b"h\x01", b"r\0\0\0\x7f", b"\x82\x01", b"\x95\xff\0\0\0\0\0\0\0"),
    *(code + name.replace(" ", "\n").encode() + b"\n" for name in NAMES for code in (b"c", b"i")),
)

damages = st.lists(
    st.tuples(
        st.sampled_from(["flip", "flip", "set", "cut", "insert", "remove", "zero", "copy"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    found = bytearray(content)
    for kind, where, value in changes:
        place = int(where * max(len(found), 1))
        if kind == "flip" and found:
            found[place] ^= 1 << value % 8
        elif kind == "set" and found:
            found[place] = value
        elif kind == "cut":
            del found[place:]
        elif kind == "insert":
            found[place:place] = bytes([value]) * (1 + value % 5)
        elif kind == "remove":
            del found[place : place + 1 + value % 9]
        elif kind == "zero":
            found[place : place + value] = bytes(len(found[place : place + value]))
        elif kind == "copy":
            found[place : place + value] = found[:value]
    return bytes(found)


def accepted(read: Callable[[], Any]) -> Any:
    """What was read; None if that was refused in one sentence."""
    try:
        return read()
    except InputError as error:
        assert "\n" not in error.sentence and error.sentence.endswith("."), error.sentence
        assert "weights_only" not in error.sentence
        return None


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == tensor.dtype and torch.equal(ours[name], tensor) for name, tensor in theirs.items()
    )


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "file.pth"


BOUNDARIES = [place for _, _, place in pickletools.genops(PROGRAM)]
Insertions = list[tuple[int, list[bytes]]]  # where instructions are put into the program, by its own ones; which


def hostile(insertions: Insertions, replaces: bool, is_legacy: bool) -> bytes:
    """A file whose sums are right around another program than torch wrote."""
    code = PROGRAM if not replaces else b"\x80\x02" + b"".join(b"".join(parts) for _, parts in insertions) + b"."
    for place, parts in () if replaces else sorted(insertions, reverse=True):
        code = code[: BOUNDARIES[place]] + b"".join(parts) + code[BOUNDARIES[place] :]
    return _legacy_around(code) if is_legacy else _zip_around(code)


places = st.integers(0, len(BOUNDARIES) - 1)
insertions = st.lists(st.tuples(places, st.lists(st.sampled_from(PARTS), max_size=6)), max_size=3)
broken_files = st.tuples(st.just(True), st.builds(damaged, st.sampled_from(sorted(FILES.values())), damages))
hostile_files = st.tuples(st.just(False), st.builds(hostile, insertions, st.booleans(), st.booleans()))


def test_fuzz_files_are_refused_or_read_as_they_were_and_run_nothing(path, monkeypatch):
    """A damaged file without sums may be read with other numbers, but only finite ones."""
    for name in ("os.system", "subprocess.Popen"):
        monkeypatch.setattr(name, pytest.fail)

    @given(broken_files | hostile_files)
    def file(given):
        is_damaged, written = given
        path.write_bytes(written)
        with warnings.catch_warnings(action="error"):  # torch's warnings speak to programmers
            content = accepted(lambda: load_tensors(path))
            taken = accepted(lambda: extract(path)[0])
        for found in (content, taken):
            if found is None:
                continue
            pickle.dumps(found)  # nothing but values, which can be written again
            if is_damaged and checked_format(path, "").has_sums:
                assert same(dict(tensors_in(found)), TENSORS)
        assert all(tensor.isfinite().all() for _, tensor in tensors_in(content))

    fuzz(file)


def _zip_around(code: bytes) -> bytes:
    original, file = zipfile.ZipFile(io.BytesIO(FILES["zip"])), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in original.infolist():
            is_program = member.filename.endswith("data.pkl")
            archive.writestr(member.filename, code if is_program else original.read(member))
    return file.getvalue()


def _legacy_around(code: bytes) -> bytes:
    content, start = FILES["legacy"], io.BytesIO(FILES["legacy"])
    for _ in range(3):  # number, version, system
        pickle.load(start)
    return content[: start.tell()] + code + content[start.tell() + 500 :]


torch.manual_seed(0)
ORIGINAL = exported(CrossEntropy(Classifier(SMALL, classes=5)))
NUMBERS = [0.0, -1.5, float("nan"), float("inf"), 1e300, -3.4e38]
DTYPES = [getattr(torch, name) for name in ("float64", "float16", "bfloat16", "int64", "uint8", "bool", "cfloat")]


def changed(name: str, kind: str, number: int) -> dict[Any, Any]:
    """The entry of a model that takes the place of another one."""
    tensor = ORIGINAL[name].clone()
    if kind == "name":
        return {("module." + name, name.upper(), 7, "convention.mean")[number % 4]: tensor}
    if kind == "number":
        tensor = tensor.double() if tensor.is_floating_point() else tensor
        tensor.view(-1)[number % tensor.numel()] = NUMBERS[number % len(NUMBERS)] if tensor.is_floating_point() else 3
    elif kind == "dtype":
        tensor = tensor.to(DTYPES[number % len(DTYPES)])
    elif kind == "shape":
        tensor = (tensor[None], tensor.flatten()[:3], tensor.flatten()[:0])[number % 3]
    elif kind == "layout":
        tensor = (tensor.to("meta"), tensor.to_sparse(), tensor.transpose(0, -1) if tensor.ndim else tensor)[number % 3]
    elif kind == "value":
        return {name: (None, 3, "text", [tensor], {name: tensor})[number % 5]}
    return {name: tensor}


def test_models_that_are_loaded_are_those_that_were_written(path):
    """Names, shapes, dtypes and numbers are changed in a file whose sums are right."""
    kinds = st.sampled_from(["drop", "name", "number", "number", "dtype", "shape", "layout", "value"])
    changes = st.lists(st.tuples(st.sampled_from(sorted(ORIGINAL)), kinds, st.integers(0, 1000)), max_size=2)

    @FEW
    @given(changes, st.sampled_from([dict, dict, dict, lambda tensors: [tensors], lambda tensors: {"model": tensors}]))
    def model(changes, wrap):
        tensors: dict[Any, Any] = dict(ORIGINAL)
        for name, kind, number in changes:
            tensors.pop(name, None)
            tensors |= {} if kind == "drop" else changed(name, kind, number)
        save_tensors(path, wrap(tensors))
        whole = accepted(lambda: load_classifier(path, SMALL))
        trunk = accepted(lambda: load_trunk(path, SMALL, classes=5))
        for loaded, left_out in ((whole, ()), (trunk, ("fc.",))):
            found = {} if loaded is None else exported(CrossEntropy(loaded))
            for name, tensor in found.items():
                if not name.startswith(left_out):
                    assert torch.equal(tensor, tensors[name].to(tensor.dtype)) and tensor.isfinite().all()
                    assert not name.endswith("running_var") or (tensor >= 0).all()

    model()


TRUNK = {"conv1.weight": (4, 3), "bn1.running_var": (4,), "bn1.num_batches_tracked": ()}
CLASSIFIER = {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
WHOLE = {name: torch.zeros(shape) for name, shape in (TRUNK | CLASSIFIER).items()}
KEYS = [*WHOLE, "encoder_q.conv1.weight", "_feature_blocks.conv1.weight", "author", "state_dict", "classy_state_dict"]


def test_layouts_are_recognised_or_refused(path):
    """Whatever a file holds in place of a network, its layout is told or a sentence is said."""
    prefixed = st.builds(str.__add__, st.sampled_from(["", "module.", "module.module."]), st.sampled_from(KEYS))
    leaves = st.sampled_from([*WHOLE.values(), None, 3, "text"])
    contents = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(prefixed | st.integers(0, 3), inner, max_size=8),
        max_leaves=12,
    )

    @given(
        contents, st.sampled_from([None, "byol", "moco-v2", "torchvision", "vissl"]), st.sampled_from(["", "module."])
    )
    def layout(content, insisted, prefix):
        if isinstance(content, dict):
            content = {prefix + name: tensor for name, tensor in WHOLE.items()} | content
        found = accepted(lambda: recognise(content, TRUNK, path, insisted))
        if found is not None:
            tensors = tensors_of(found, content, TRUNK)
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items() if name in TRUNK}
            assert shapes.items() <= TRUNK.items() and TRUNK.keys() - shapes.keys() <= {"bn1.num_batches_tracked"}

    layout()


def test_the_files_that_are_damaged_here_are_whole(path):
    for content in FILES.values():
        path.write_bytes(content)
        assert same(dict(tensors_in(read_tensors(path, "", "")[0])), TENSORS)
