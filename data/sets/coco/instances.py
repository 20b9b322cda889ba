"""COCO's JSON of instances, read: three lists of objects, whatever these hold."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError

LISTS = ("images", "categories", "annotations")


@dataclass(frozen=True)
class Instances:
    """The content of an annotation file.

    Attributes:
        path: the file.
        images, categories, annotations: its objects.
        sha256: of the file.
    """

    path: Path
    images: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    sha256: str


def read_instances(path: Path) -> Instances:
    """An annotation file.

    Raises:
        InputError: it cannot be read, is no JSON, or has not the three lists.
    """
    try:
        content = path.read_bytes()
        values = json.loads(content)
    except FileNotFoundError:
        raise InputError(
            f"The COCO folder {path.parent.parent} has no {path.parent.name}/{path.name}: restore it, or set "
            "data.coco.folder."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): make it readable, or fetch it again.") from None
    except (ValueError, RecursionError) as error:
        raise _not_instances(path, str(error)) from None
    lists: dict[str, Any] = {name: values.get(name) if isinstance(values, dict) else None for name in LISTS}
    for name, objects in lists.items():
        if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
            raise _not_instances(path, f"it has no list of objects named {name!r}")
    return Instances(path, sha256=hashlib.sha256(content).hexdigest(), **lists)


def _not_instances(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is not COCO's JSON of instances ({reason}): fetch it again.")
