"""What a stage is given: a folder of its own, the folders of the jobs it needs, and a way to report progress."""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.files import write_json, written_atomically

PROGRESS_FILE = "progress.json"
MODEL_FILE = "model.pt"  # what a job that trains leaves to others; its record holds the digest, ``model_sha256``
VERIFICATION_FOLDER = "verification"  # below a profile's runs: what was found out about its data sets
FULL_VERIFICATION_FOLDER = (
    f"{VERIFICATION_FOLDER}/full"  # the same where every image was decoded; no sample replaces it
)
OUTPUTS_FOLDER = "outputs"  # of a job's folder: what was computed for every image
PARTS_FOLDER = "parts"  # of a job's folder, until it has a record: what core.parts goes on from
NAME_OF_AN_OUTPUT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
SECONDS_BETWEEN_REPORTS = 1.0


def read_progress(folder: Path) -> dict[str, Any]:
    """What was last reported from a job's folder: ``done``, ``total``, ``unit``, ``per_second``; else nothing."""
    try:
        return json.loads((folder / PROGRESS_FILE).read_text())
    except FileNotFoundError:
        return {}


@dataclass(frozen=True)
class WrittenOutput:
    """An output that a stage has kept, as its record names it.

    Attributes:
        file: relative to the job's folder.
        bytes: its size.
        sha256: over its content.
        measure: by which figures are computed from it; None where no figure is.
    """

    file: str
    bytes: int
    sha256: str
    measure: str | None


@dataclass
class Workspace:
    """The surroundings of one job.

    A stage is a function ``run(config, workspace) -> metrics``. It may be killed at any moment and called again with
    the same arguments: whatever it needs in order to go on, it keeps in ``folder``.

    Attributes:
        folder: the job's own folder; it exists.
        inputs: folders of the finished jobs that this one needs, by role.
        provenance: what the stage says about its inputs (fingerprints, digests, notes); it goes into the record.
        reports_progress: whether this process writes the progress file, and outputs (rank 0 of a job does).
        compiles: whether networks are to be compiled.
        cpus: processors that this process may use; no result may depend on it.
        identity: a text that differs where the job, what it needs or its code do; ``core.parts`` goes by it.
        keeps_parts: whether what is computed by part is kept, and stops on request. What a training computes in its
            course is not: its state says where to go on.
        has_compiled: whether one was, which the stage says; it goes into the record.
        outputs: what was kept for every image, by name; it goes into the record.
        output_seconds: CPU time of this process that outputs took.
        parts: names of the folders of parts that this process has used.
    """

    folder: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    reports_progress: bool = True
    compiles: bool = False
    cpus: int = 1
    identity: str = ""
    keeps_parts: bool = True
    has_compiled: bool = False
    outputs: dict[str, WrittenOutput] = field(default_factory=dict)
    output_seconds: float = 0.0
    parts: set[str] = field(default_factory=set)
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

    def output(self, name: str, columns: Mapping[str, Any], measure: str | None = None) -> None:
        """Keep what was computed for every image, in ``outputs/<name>.npz``; the record will hold the file's digest.

        To be called in all of a job's processes, with the same columns.

        Args:
            name: lower-case letters, digits and hyphens.
            columns: by name; arrays of numbers, truth values or bytes, or what NumPy makes such of.
            measure: by which ``python -m results rescore`` computes figures from the columns, one of
                ``metrics.measures.MEASURES``; None where there is none such.

        Raises:
            ValueError: the name is none for a file.
            TypeError: a column holds Python objects.
        """
        if not NAME_OF_AN_OUTPUT.fullmatch(name):
            raise ValueError(f"the output is called {name!a}, expected lower-case letters, digits and hyphens")
        if not self.reports_progress:
            return
        from core.outputs import encoded  # NumPy, which the plan waits for nowhere

        with self.timing_outputs():
            content = encoded(columns)
            file = f"{OUTPUTS_FOLDER}/{name}.npz"
            with written_atomically(self.folder / file) as written:
                written.write(content)
            digest = hashlib.sha256(content).hexdigest()
            self.outputs[name] = WrittenOutput(file, len(content), digest, measure)

    @contextmanager
    def timing_outputs(self) -> Iterator[None]:
        """Count the CPU time of the block among that of outputs."""
        began = time.process_time()
        try:
            yield
        finally:
            self.output_seconds += time.process_time() - began
