"""`python -m pretrain.extract_tensors FILE NEW_FILE`: the tensors of a checkpoint, without the objects beside them.

A pickle is a program that calls whatever it names. Here, every name that a file gives leads to a class of this module,
and to nothing else: a few rebuild tensors and plain containers, all others keep what they are given and do nothing. So
no code of the file, and none that it names, is run.
"""

import argparse
import pickle
import sys
import types
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from core.errors import InputError
from core.exit_status import exit_status_of
from pretrain.tensor_files import checked_format, save_tensors, tensors_in

REMEDY = "download it again, or correct its path"


class Placeholder:
    """Stands for an object of a class that is not looked up; keeps its items, its members and its state."""

    name = ""
    dump_patches = False  # what torch asks of a module's class

    items: dict[Any, Any]
    members: list[Any]
    state: Any

    def __new__(cls, *_: Any, **__: Any) -> Any:  # what pickles call, some of them without __init__
        self = super().__new__(cls)
        self.items, self.members, self.state = {}, [], None
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Any:  # it may stand for a method
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        """One member more, of a list or a set."""
        self.members.append(value)

    add = append


class _Tensor(Placeholder):
    def __new__(cls, storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
        reach = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) + 1
        if min((offset, *size, *stride)) < 0 or (0 not in size and reach > len(storage)):
            raise pickle.UnpicklingError("a tensor reaches beyond its storage")
        return torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage, offset, size, stride)


class _Parameter(Placeholder):
    def __new__(cls, data: Any, *_: Any) -> Any:
        return data


class _OrderedDict(Placeholder):
    def __new__(cls, *pairs: Any) -> Any:
        return OrderedDict(*pairs)


class _Set(Placeholder):
    def __new__(cls, *members: Any) -> Any:
        return set(*members)


class _Size(Placeholder):
    def __new__(cls, sizes: Any) -> Any:
        return tuple(sizes)


KNOWN: dict[str, type[Placeholder]] = {
    "torch._utils._rebuild_tensor": _Tensor,
    "torch._utils._rebuild_tensor_v2": _Tensor,
    "torch._utils._rebuild_parameter": _Parameter,
    "torch._utils._rebuild_parameter_with_state": _Parameter,
    "collections.OrderedDict": _OrderedDict,
    "builtins.set": _Set,
    "__builtin__.set": _Set,
    "torch.Size": _Size,
}


class _Unpickler(pickle._Unpickler):  # the one in Python: in C, a number in a damaged pickle can fill the memory
    def find_class(self, module: str, name: str) -> type[Placeholder]:
        full_name = f"{module}.{name}"
        return KNOWN.get(full_name) or type("Placeholder", (Placeholder,), {"name": full_name})


def _load(file: Any, **how: Any) -> Any:
    return _Unpickler(file, **how).load()


def extract(path: Path) -> tuple[dict[Any, Any], list[str]]:
    """The tensors and plain values of a file, nested as they are in it, and what was left out, each as a phrase.

    A module becomes its state dict, an unknown kind of dictionary a plain one.

    Raises:
        InputError: the file cannot be read, is broken, or holds no tensor.
    """
    checked_format(path, REMEDY)
    reader = types.SimpleNamespace(Unpickler=_Unpickler, load=_load, __name__=__name__)
    extraction = _Extraction()
    try:
        with open(path, "rb") as file, warnings.catch_warnings():  # torch's warnings speak to programmers
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=False, pickle_module=reader)
        kept = extraction.plain(content, "")
    except Exception as error:  # a damaged or hostile pickle can make its reader fail in any way
        raise InputError(
            f"The checkpoint {path} cannot be read, and none of its code was run ({type(error).__name__}): {REMEDY}."
        ) from None
    if not any(True for _ in tensors_in(kept)):
        raise InputError(f"The checkpoint {path} holds no tensor: name a file of weights.")
    return kept, extraction.left_out


NOTHING = object()  # what is left of a stranger


class _Extraction:
    """Takes the strangers out of nested values, and notes them."""

    def __init__(self) -> None:
        self.left_out: list[str] = []
        self._done: dict[int, Any] = {}  # by the identity of the value: what is shared is not gone through again

    def plain(self, value: Any, name: str) -> Any:
        """The value without strangers; NOTHING where nothing is left of it."""
        if id(value) not in self._done:
            self._done[id(value)] = self._plain(value, name)
        return self._done[id(value)]

    def _plain(self, value: Any, name: str) -> Any:
        if isinstance(value, torch.Tensor):
            return value.detach()
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return value
        if isinstance(value, Placeholder):
            if is_module(value.state):
                return self.plain(_state_dict(value.state), name)
            value = value.items or value.members or value
        if isinstance(value, Mapping):
            inner = {key: self.plain(item, f"{name}.{key}") for key, item in value.items() if _is_key(key)}
            return {key: item for key, item in inner.items() if item is not NOTHING}
        if isinstance(value, list | tuple | set):
            kept = [self.plain(item, f"{name}.{number}") for number, item in enumerate(value)]
            whole = [None if item is NOTHING else item for item in kept]
            return tuple(whole) if isinstance(value, tuple) else whole
        kind = value.name if isinstance(value, Placeholder) else getattr(value, "name", type(value).__name__)
        self.left_out.append(f"{name.removeprefix('.') or 'everything'} ({kind})")
        return NOTHING


def _is_key(key: Any) -> bool:
    return key is None or isinstance(key, bool | int | float | str)


def is_module(state: Any) -> bool:
    """Whether an object's state is that of a torch.nn.Module."""
    return isinstance(state, Mapping) and {"_parameters", "_buffers", "_modules"} <= state.keys()


def _state_dict(state: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    own = state["_parameters"] | {
        name: value
        for name, value in state["_buffers"].items()
        if name not in state.get("_non_persistent_buffers_set", ())
    }
    tensors = {prefix + name: value for name, value in own.items() if value is not None}
    for name, module in state["_modules"].items():
        if isinstance(module, Placeholder) and is_module(module.state):
            tensors |= _state_dict(module.state, f"{prefix}{name}.")
    return tensors


def main(arguments: Sequence[str]) -> int:
    """Write the new file and say what is in it; gives the exit status.

    Raises:
        InputError: a file cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pretrain.extract_tensors",
        description="Write the tensors and plain values of a checkpoint to a new file, without running its code.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the checkpoint")
    parser.add_argument("new", metavar="NEW_FILE", type=Path, help="where to write; it must not exist")
    given = parser.parse_args(arguments)
    if given.new.exists():
        raise InputError(f"The file {given.new} exists: name one that does not.")
    kept, left_out = extract(given.file)
    try:
        save_tensors(given.new, kept)
    except OSError as error:
        raise InputError(f"The file {given.new} cannot be written ({error.strerror}): name another one.") from None
    print(f"{given.new}: {sum(1 for _ in tensors_in(kept))} tensors")
    for phrase in left_out:
        print(f"left out: {phrase}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status_of(lambda: main(sys.argv[1:])))
