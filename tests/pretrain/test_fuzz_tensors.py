"""Fuzzing of the gate for tensors: what is damaged is refused in one sentence, or read as if it were not."""

import io
import pickle
import pickletools
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors

from core.errors import InputError
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported, load_classifier, load_trunk
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.extract_tensors import extract
from pretrain.layouts import Trunk, recognise, tensors_of
from pretrain.tensor_files import checked_format, load_tensors, read_tensors, save_tensors, tensors_in
from tests.support.fuzzing import fuzz

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
PARTS = (  # what hostile pickles are made of: whole instructions, most of them harmless, and names to be called
    b"}",
    b"]",
    b")",
    b"(",
    b"0",
    b"2",
    b"1",
    b"N",
    b"\x88",
    b"K\x03",
    b"J\xff\xff\xff\x7f",
    b"G?\xf0\0\0\0\0\0\0",
    b"\x8f",
    b"X\x04\0\0\0lazy",
    b"X\x0d\0\0\0__defaults__1",
    b"a",
    b"e",
    b"s",
    b"u",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"l",
    b"d",
    b"R",
    b"b",
    b"\x81",
    b"o",
    b"Q",
    b"\x90",
    b"\x91",
    b"\x92",
    b"\x93",
    b"q\x01",
    b"h\x01",
    b"r\0\0\0\x7f",
    b"\x94",
    b"\x95\xff\0\0\0\0\0\0\0",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"cbuiltins\ngetattr\n",
    b"ccollections\nOrderedDict\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nSize\n",
    b"cbuiltins\nset\n",
    b"csubprocess\nPopen\n",
    b"iposix\nsystem\n",
    b"\x82\x01",
    b"Pstorage\n",
    b"X\x07\0\0\0storage",
    b"X\x03\0\0\0cpu",
    b"X\x01\0\0\x000",
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


def test_fuzz_damaged_files_are_refused_or_read_as_they_were(path):
    """A file without sums may be read with other numbers, but only finite ones."""

    @given(st.sampled_from(sorted(FILES)), damages)
    def damage(kind, changes):
        path.write_bytes(damaged(FILES[kind], changes))
        content = accepted(lambda: load_tensors(path))
        taken = accepted(lambda: extract(path)[0])
        if content is None and taken is None:
            return
        has_sums = checked_format(path, "").has_sums
        for found in (content, taken):
            if found is not None and has_sums:
                assert same(dict(tensors_in(found)), TENSORS)
        assert all(tensor.isfinite().all() for _, tensor in tensors_in(content))

    fuzz(damage)


def eval_for_named_tuples_alone(own):
    """Python's eval as the standard library calls it for a named tuple, as in modules that torch loads late."""

    def checked(source, *scopes):
        if sys._getframe(1).f_globals["__name__"] != "collections":
            pytest.fail(str(source))
        return own(source, *scopes)

    return checked


def test_fuzz_hostile_pickles_run_nothing(path, monkeypatch):
    """Programs of pickle in a file whose sums are right: only values come of them."""
    boundaries = [place for _, _, place in pickletools.genops(PROGRAM)]
    monkeypatch.setattr("os.system", pytest.fail)
    monkeypatch.setattr("subprocess.Popen", pytest.fail)
    monkeypatch.setattr("builtins.eval", eval_for_named_tuples_alone(eval))

    @given(
        st.lists(
            st.tuples(st.integers(0, len(boundaries) - 1), st.lists(st.sampled_from(PARTS), max_size=6)), max_size=3
        ),
        st.booleans(),
        st.booleans(),
    )
    def program(insertions, replaces, is_legacy):
        code = PROGRAM if not replaces else b"\x80\x02" + b"".join(b"".join(parts) for _, parts in insertions) + b"."
        for place, parts in () if replaces else sorted(insertions, reverse=True):
            code = code[: boundaries[place]] + b"".join(parts) + code[boundaries[place] :]
        path.write_bytes(_legacy_around(code) if is_legacy else _zip_around(code))
        with warnings.catch_warnings(action="error"):  # torch's warnings are for programmers
            for read in (lambda: load_tensors(path), lambda: extract(path)[0]):
                content = accepted(read)
                if content is not None:
                    pickle.dumps(content)  # nothing but values, which can be written again

    fuzz(program)


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


NUMBERS = [0.0, -1.5, float("nan"), float("inf"), 3.4e38, -3.4e38]
DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.cfloat,
]


def test_fuzz_models_that_are_loaded_are_those_that_were_written(path):
    """Keys, shapes, kinds and numbers are changed in a file whose sums are right."""
    torch.manual_seed(0)
    original = exported(CrossEntropy(Classifier(SMALL, classes=5)))

    @given(st.data())
    def model(data):
        tensors: dict[Any, Any] = dict(original)
        for _ in range(data.draw(st.integers(0, 2))):
            name = data.draw(st.sampled_from(sorted(original)))
            change = data.draw(st.sampled_from(["drop", "rename", "number", "kind", "shape", "value", "layout"]))
            tensor = original[name]
            if change == "drop":
                tensors.pop(name, None)
            elif change == "rename":
                tensors[data.draw(st.sampled_from(["module." + name, name.upper(), 7, "convention.mean"]))] = tensor
            elif change == "number" and tensor.ndim:
                tensors[name] = tensor.clone()
                tensors[name].view(-1)[data.draw(st.integers(0, tensor.numel() - 1))] = data.draw(
                    st.sampled_from(NUMBERS)
                )
            elif change == "kind":
                tensors[name] = tensor.to(data.draw(st.sampled_from(DTYPES)))
            elif change == "shape":
                tensors[name] = data.draw(st.sampled_from([tensor[None], tensor.flatten()[:3], tensor.flatten()[:0]]))
            elif change == "value":
                tensors[name] = data.draw(st.sampled_from([None, 3, "text", [tensor], {name: tensor}]))
            elif change == "layout":
                tensors[name] = data.draw(
                    st.sampled_from([tensor.to("meta"), tensor.to_sparse(), tensor.t() if tensor.ndim == 2 else tensor])
                )
        save_tensors(path, data.draw(st.sampled_from([tensors, tensors, tensors, [tensors], {"state_dict": tensors}])))
        for read in (lambda: load_classifier(path), lambda: load_trunk(path, classes=5)):
            loaded = accepted(read)
            if loaded is None:
                continue
            found = exported(CrossEntropy(loaded))
            names = (
                [name for name in found if not name.startswith("fc.")] if "trunk" in read.__code__.co_names else found
            )
            assert all(
                torch.equal(found[name], tensors[name].to(found[name].dtype)) for name in found if name[:3] != "fc."
            )
            assert all(found[name].isfinite().all() for name in names)
            assert all((found[name] >= 0).all() for name in found if name.endswith("running_var"))

    fuzz(model)


def test_fuzz_layouts_are_recognised_or_refused(path):
    """Whatever a file holds in place of a network, the layout is told or a sentence is said."""
    trunk = {"conv1.weight": (4, 3), "bn1.running_var": (4,), "bn1.num_batches_tracked": ()}
    whole_trunk = Trunk(BackboneConfig(depth=50), trunk, 2048)
    names = [*trunk, "fc.weight", "fc.bias", "encoder_q.conv1.weight", "author", "state_dict", "classy_state_dict", 5]
    leaves = st.sampled_from(
        [torch.zeros(4, 3), torch.zeros(4), torch.tensor(0), torch.zeros(1000, 2048), torch.zeros(1000), None, 3, "a"]
    )
    keys = st.builds(
        lambda prefix, name: prefix + name if isinstance(name, str) else name,
        st.sampled_from(["", "module.", "module.module."]),
        st.sampled_from(names),
    )
    contents = st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(keys, inner, max_size=8)),
        max_leaves=12,
    )
    whole = {
        "conv1.weight": torch.zeros(4, 3),
        "bn1.running_var": torch.zeros(4),
        "fc.weight": torch.zeros(1000, 2048),
        "fc.bias": torch.zeros(1000),
    }

    @given(contents, st.sampled_from([None, "byol", "moco-v2", "torchvision", "vissl"]), st.booleans())
    def layout(content, required, is_near):
        if is_near and isinstance(content, dict):
            content = whole | content
        found = accepted(lambda: recognise(content, lambda _: whole_trunk, path, required))
        if found is not None:
            tensors = tensors_of(found[0], content, whole_trunk)
            assert {
                name: tuple(tensor.shape) for name, tensor in tensors.items() if name in trunk
            }.items() <= trunk.items()
            assert {name for name in trunk if "num_batches" not in name} <= tensors.keys()

    fuzz(layout)


def test_the_files_that_are_damaged_here_are_whole(path):
    for content in FILES.values():
        path.write_bytes(content)
        assert same(dict(tensors_in(read_tensors(path, "", "")[0])), TENSORS)
