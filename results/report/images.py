"""The pictures that stages left for people to look at, as parts of the page."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from core.exhibits import EXHIBITS_FILE
from results.plan import PlannedJob, Results
from results.report.stage_outputs import EXHIBITS, Exhibit, read_stage_output

IMAGES_OF_A_GROUP = 12
LARGEST = 200_000  # bytes of an image; a larger one is made smaller
LONGER_SIDE = 640  # pixels of what was made smaller
SMALL = 64  # pixels up to which an image is shown with its pixels visible

TITLES = {
    "corrected": "Corrected: given label → new label",
    "dropped": "Dropped as out of distribution",
    "kept": "Kept with the label as given",
    "prototypes": "Nearest to the prototypes",
    "detections": "Detections",
}


@dataclass(frozen=True)
class Shown:
    """An image as the page shows it.

    Attributes:
        uri: the image itself, as a data URI.
        width, height: in pixels.
        caption: one line.
        facts: what is said below it.
        agrees: whether the hidden truth agrees; None where it isn't known.
        truth: the true label, where it is known.
    """

    uri: str
    width: int
    height: int
    caption: str
    facts: Sequence[str]
    agrees: bool | None
    truth: str | None

    @property
    def is_small(self) -> bool:
        return max(self.width, self.height) <= SMALL


@dataclass(frozen=True)
class Group:
    """Images that belong together, of one job."""

    title: str
    origin: str
    images: Sequence[Shown]
    left_out: int


def exhibited(results: Results, runs: Path, problems: list[str]) -> dict[str, list[Group]]:
    """Groups by their name; of jobs that differ in their seed alone, the first with pictures.

    A list of pictures that is damaged is added to the problems.
    """
    groups: dict[str, list[Group]] = {}
    seen = set()
    for job in results.jobs:
        alike = tuple(job.tags.get(tag) for tag in ("evaluation", "method", "set"))
        if job.name not in results.records or alike in seen:
            continue
        entries = read_stage_output(runs / job.folder / EXHIBITS_FILE, EXHIBITS, problems)
        if not entries:
            continue
        seen.add(alike)
        for name in dict.fromkeys(entry.group for entry in entries):
            of_group = [entry for entry in entries if entry.group == name]
            limit = len(of_group) if name == "prototypes" else IMAGES_OF_A_GROUP
            images = [image for entry in of_group[:limit] if (image := _shown(runs / job.folder, entry))]
            if images:
                title = TITLES.get(name, name.capitalize())
                groups.setdefault(name, []).append(
                    Group(title, _origin(job, results), images, len(of_group) - len(images))
                )
    return groups


def _origin(job: PlannedJob, results: Results) -> str:
    parts = [results.title_of(job.tags.get("method", "")), job.tags.get("set", ""), f"seed {job.tags.get('seed', '')}"]
    return ", ".join(part for part in parts if part)


def _shown(folder: Path, entry: Exhibit) -> Shown | None:
    """None where the image cannot be read: a report without it is better than none."""
    try:
        content = (folder / entry.image).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            size, kind = image.size, image.get_format_mimetype()
            if len(content) > LARGEST:
                smaller = image.convert("RGB")
                smaller.thumbnail((LONGER_SIDE, LONGER_SIDE))
                kept = io.BytesIO()
                smaller.save(kept, "JPEG", quality=80)
                content, size, kind = kept.getvalue(), smaller.size, "image/jpeg"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    details = entry.details
    uri = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    agrees = details.get("agrees")
    return Shown(uri, *size, entry.caption, _facts(details), agrees, details.get("truth"))


def _facts(details: Mapping[str, Any]) -> list[str]:
    hidden = ("truth", "agrees", "given", "new", "prototype")
    plain = {name: value for name, value in details.items() if name not in hidden}
    plain = {name.replace("_score", "").replace("score_of_", "").replace("_", " "): it for name, it in plain.items()}
    return [
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in plain.items()
        if isinstance(value, str | int | float)
    ]
