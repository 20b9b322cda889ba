"""Files of tensors: written with checksums, and read with their kind, checksums and values checked.

torch looks at neither checksums nor values. No code of a file is run: what it holds beside tensors and plain values is
refused.
"""

import errno
import pickle
import re
import shlex
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file

from core.errors import InputError
from core.files import written_atomically

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
OF_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number with which torch began its files before they were zips
SEEN = 512  # bytes from which the kind of a file is told

UNPACK = "unpack it with `{} < {{path}} > NEW_FILE`, and name that one"
CONVERT = "convert it with the tools of the project that released it, to a state dict that torch.save writes"
DOWNLOAD = "download the file itself, by the address of its raw content"
STRANGE_KINDS = (  # how a file begins, what it is then, what helps
    (b"version https://git-lfs", "is a pointer of Git LFS", "fetch what it points to with `git lfs pull`"),
    (b"\x1f\x8b", "is compressed", UNPACK.format("gunzip")),
    (b"\xfd7zXZ", "is compressed", UNPACK.format("unxz")),
    (b"BZh", "is compressed", UNPACK.format("bunzip2")),
    (b"\x28\xb5\x2f\xfd", "is compressed", UNPACK.format("unzstd")),
    (b"\x89HDF", "is an HDF5 file", CONVERT),
    (b"\x93NUMPY", "is an array of NumPy", CONVERT),
    (b"<", "is a web page or XML", DOWNLOAD),
    (b"{", "is JSON", "name the file of weights that it describes"),
    (b"[", "is JSON", "name the file of weights that it describes"),
)

TAR = "is a tar archive", "unpack it with `tar -xf {path}`, and name the checkpoint in it"
DIRECTORY = 0x10  # in a member's attributes; torch then reads nothing, and the tensor is what the memory held before


class DamagedFileError(InputError):
    """A file is there and can be read, or is missing, but does not hold what it should.

    Attributes:
        found: what is wrong with it, as a phrase.
    """

    def __init__(self, path: Path, found: str, helps: str) -> None:
        super().__init__(f"The checkpoint {path} {found}: {helps}.")
        self.found = found


class Format(NamedTuple):
    """How a file of tensors is written.

    Attributes:
        name: ``zip`` (torch's), ``pickle`` (torch's older one) or ``safetensors``.
        has_sums: whether there were sums to check; the two other formats have none.
    """

    name: str
    has_sums: bool


def save_tensors(path: Path, value: Any) -> None:
    """Write nested dictionaries of tensors and numbers, atomically; equal values give equal bytes."""
    with written_atomically(path) as file:
        torch.save(value, file)


def load_tensors(path: Path, remedy: str = "") -> Any:
    """Read what :func:`save_tensors` wrote for a job, onto the CPU; every number is finite.

    Args:
        path: of the file.
        remedy: what happens to a damaged file; by default, what the user can do about it.

    Raises:
        DamagedFileError: the file is missing, broken, holds anything but tensors and plain values, or a number in it is
            not finite.
        InputError: it cannot be read.
    """
    remedy = remedy or f"delete {path.parent / 'record.json'}, and the same command as before writes it anew"
    try:
        content, _ = read_tensors(path, remedy, remedy)
    except DamagedFileError as error:  # what helps with a stranger's file does not with one of ours
        raise DamagedFileError(path, error.found, remedy) from None
    require_sound(tensors_in(content), path, remedy)
    return content


def read_tensors(path: Path, remedy: str, remedy_for_code: str) -> tuple[Any, Format]:
    """The content of a file of tensors and plain values, onto the CPU, whoever wrote it; its sums, if any, are right.

    Args:
        path: of the file.
        remedy: what can be done about a file that is missing or broken.
        remedy_for_code: what can be done about one that holds more than tensors and plain values.

    Raises:
        DamagedFileError: it is missing, broken, of another kind, or holds more.
        InputError: it cannot be read.
    """
    written = checked_format(path, remedy)
    try:
        if written.name == "safetensors":
            return load_file(path), written
        with open(path, "rb") as file, warnings.catch_warnings():  # torch's warnings speak to programmers
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True), written
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        found = f"asks for {asked[1]}" if asked else "is written in a way that allows more"
        refused = f"is refused, and none of its code was run: it may hold tensors and plain values only, but {found}"
        raise DamagedFileError(path, refused, remedy_for_code) from None
    except Exception as error:  # a pickle or a header that was damaged can make its reader fail in any way
        raise DamagedFileError(path, f"is no file of tensors ({_reason(error)})", remedy) from None


def checked_format(path: Path, remedy: str) -> Format:
    """Recognise a file of tensors and check its sums.

    Raises:
        DamagedFileError: it is missing, broken, or of another kind.
        InputError: it cannot be read.
    """
    try:
        start = _start(path, remedy)
        if start.startswith(ZIP):
            return Format("zip", _check_archive(path, remedy))
    except OSError as error:
        raise InputError(f"The checkpoint {path} cannot be read ({error.strerror}): make it readable.") from None
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size - 8:
        return Format("safetensors", has_sums=False)
    is_tar = start[:1] != b"\0" and tarfile.is_tarfile(path)  # zeros alone would count as an empty one
    if not is_tar and start.startswith(PICKLE) and OF_TORCH in start:
        return Format("pickle", has_sums=False)
    found, helps = TAR if is_tar else _strange_kind(start, remedy)
    raise DamagedFileError(path, found, helps.format(path=shlex.quote(str(path))))


def _start(path: Path, remedy: str) -> bytes:
    if path.is_dir():
        raise DamagedFileError(path, "is a folder", "name a file in it")
    try:
        with open(path, "rb") as file:
            return file.read(SEEN)
    except FileNotFoundError:
        raise DamagedFileError(path, "does not exist", remedy) from None


def _strange_kind(start: bytes, remedy: str) -> tuple[str, str]:
    """What a file is that is no file of tensors, and what helps."""
    if not start:
        return "is empty", remedy
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, found, helps in STRANGE_KINDS:
        if text.startswith(mark):
            return found, helps
    if start.startswith(PICKLE):
        return "is a pickle that torch.save did not write", CONVERT
    return "is not a file that torch.save or safetensors wrote, or its beginning is damaged", remedy


def _check_archive(path: Path, remedy: str) -> bool:
    """Whether a zip archive of torch has sums; if so, they are right."""
    damaged = "is damaged or was cut short"
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            has_sums = any(member.CRC for member in members)  # torch can write files without
            wrong = archive.testzip() if has_sums else None
    except OSError as error:
        if error.errno != errno.EINVAL:  # what a wrong offset gives
            raise
        raise DamagedFileError(path, damaged, remedy) from None
    except Exception:  # a directory that was damaged can make zipfile fail in any way
        raise DamagedFileError(path, damaged, remedy) from None
    folder = next((member.filename for member in members if member.external_attr & DIRECTORY), None)
    if folder:
        raise DamagedFileError(path, f"{damaged} (it calls {folder} a folder)", remedy)
    if wrong:
        raise DamagedFileError(path, f"{damaged} (the sum of {wrong} is wrong)", remedy)
    names = {member.filename.partition("/")[2] for member in members}
    if "constants.pkl" in names:
        helps = (
            "load it with torch.jit.load where you trust it, write what its state_dict() gives with torch.save, and "
        )
        raise DamagedFileError(path, "is a program of TorchScript", f"{helps}name that file")
    if "data.pkl" not in names:
        unpack = (
            f"unpack it with `python -m zipfile -e {shlex.quote(str(path))} NEW_FOLDER`, and name the checkpoint in it"
        )
        raise DamagedFileError(path, "is a zip archive, but not one that torch.save wrote", unpack)
    return has_sums


def _reason(error: Exception) -> str:
    line = next(iter(str(error).splitlines()), "")
    return type(error).__name__ if not line or "weights_only" in line else f"{type(error).__name__}: {line[:200]}"


def tensors_in(content: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors of nested dictionaries and lists, with their keys, joined by points."""
    waiting, seen = [("", content)], set()
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting += [(f"{name}.{key}" if name else str(key), inner) for key, inner in items]


def require_sound(tensors: Iterable[tuple[str, torch.Tensor]], path: Path, remedy: str) -> None:
    """Refuse a file with numbers that are none.

    Raises:
        DamagedFileError: a tensor has a fault.
    """
    for name, tensor in tensors:
        if fault := fault_of(name, tensor):
            raise DamagedFileError(path, f"cannot be used, because {fault}", remedy)


def fault_of(name: str, tensor: torch.Tensor) -> str | None:
    """What is wrong with the numbers of a tensor of that name, as a phrase; None if nothing is.

    Floating-point numbers must be finite in float32, a running variance of BatchNorm not negative.
    """
    if tensor._backward_hooks:  # what a pickle may hang on a tensor
        return f"{name} carries more than numbers"
    if tensor.layout != torch.strided or tensor.device.type == "meta" or tensor.is_quantized or tensor.is_complex():
        return f"{name} is not stored as an array of real numbers"
    if not tensor.is_floating_point() or not tensor.numel():
        return None
    numbers = (
        tensor.detach() if tensor.element_size() > 1 else tensor.detach().float()
    )  # of one byte, torch has no order
    lowest, highest = torch.stack(numbers.aminmax()).float().tolist()  # both are NaN if one number is
    if not -float("inf") < lowest <= highest < float("inf"):
        return f"{name} holds a number that is not finite (NaN or infinity)"
    if name.endswith("running_var") and lowest < 0:
        return f"{name} holds a negative variance ({lowest:g})"
    return None
