"""What a stage is given: a folder of its own, the folders of the jobs it needs, and a way to report progress."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.files import write_json

PROGRESS_FILE = "progress.json"
MODEL_FILE = "model.pt"  # what a job that trains leaves to others; its record holds the digest, ``model_sha256``
VERIFICATION_FOLDER = "verification"  # below a profile's runs: what was found out about its data sets
SECONDS_BETWEEN_REPORTS = 1.0


def read_progress(folder: Path) -> dict[str, Any]:
    """What was last reported from a job's folder: ``done``, ``total``, ``unit``, ``per_second``; else nothing."""
    try:
        return json.loads((folder / PROGRESS_FILE).read_text())
    except FileNotFoundError:
        return {}


@dataclass
class Workspace:
    """The surroundings of one job.

    A stage is a function ``run(config, workspace) -> metrics``. It may be killed at any moment and called again with
    the same arguments: whatever it needs in order to go on, it keeps in ``folder``.

    Attributes:
        folder: the job's own folder; it exists.
        inputs: folders of the finished jobs that this one needs, by role.
        provenance: what the stage says about its inputs (fingerprints, digests, notes); it goes into the record.
        reports_progress: whether this process writes the progress file (rank 0 of a job does).
        compiles: whether networks are to be compiled.
        has_compiled: whether one was, which the stage says; it goes into the record.
    """

    folder: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    reports_progress: bool = True
    compiles: bool = False
    has_compiled: bool = False
    _last_report: float = 0.0
    _first: tuple[float, int] | None = None  # when this process first reported, and what was done by then

    def dataset(self, folder: str, role: str = "data") -> Path:
        """The folder of a data set: an absolute path as it is, a relative one below the job needed in that role."""
        return self.inputs.get(role, Path()) / folder

    def progress(self, done: int, total: int, unit: str) -> None:
        """Report that ``done`` of ``total`` units are finished; cheap enough to be called at every step."""
        now = time.monotonic()
        began, done_then = self._first = self._first or (now, done)
        if self.reports_progress and (done == total or now - self._last_report > SECONDS_BETWEEN_REPORTS):
            self._last_report = now
            rate = (done - done_then) / (now - began) if now > began else None
            write_json(self.folder / PROGRESS_FILE, {"done": done, "total": total, "unit": unit, "per_second": rate})
