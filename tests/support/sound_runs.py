"""A reproduction to which an audit has no objection, and ways to alter its files."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.files import sha256_of
from core.workspace import MODEL_FILE, Workspace
from execution.plan import write_plan
from metrics import top_k
from metrics.measures import keep_and_measure
from profiles.expand import jobs_of
from profiles.load import load_profile
from results.plan import PLAN_FILE, read_results
from results.records import RECORD_FILE, write_record
from results.schema import Record
from results.seal import KEY, sealed
from results.writing import write_tables
from tests.support.part_runs import METRICS
from tests.support.result_runs import a_record

COMMIT, SNAPSHOT = "0123456789abcdef0123456789abcdef01234567", "5a" * 32
DIFFERENCE = f"code/{SNAPSHOT}/difference-{COMMIT[:10]}.patch"
CODE = {"commit": COMMIT, "differs": True, "snapshot_sha256": SNAPSHOT, "difference": DIFFERENCE}
IMAGES = {"images": 5, "classes": 2, "names_sha256": "ab", "sample_sha256": "cd", "sides_sha256": "ef"}
OUTPUT_FILE = "outputs/val.npz"
WITH_OUTPUTS = ("accuracy",)  # kinds of evaluations that keep some
ANSWERS = 50  # images of each


def write_sound(runs: Path, *overrides: str) -> Path:
    """All jobs of the miniature over two worlds, each with a record, and tables; nothing of it was computed."""
    profile = load_profile("mini", ["seeds=[100, 101]", *overrides])
    jobs = jobs_of(profile)
    write_plan(jobs, profile.model_dump(mode="json"), profile.tables, runs, ["--profile", "mini"])
    for job in jobs:
        kind = job.kind.split("-")[0]
        folder = job.folder(runs)
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text(f"--- {job.name}\nwritten to {runs}/tables and {Path.home()}/.cache/x\n")
        changes: dict[str, Any] = {"provenance": {}}
        if kind in ("pretrain", "untrained", "retraining"):
            (folder / MODEL_FILE).write_bytes(job.identity.encode())
            changes["provenance"]["model_sha256"] = sha256_of(folder / MODEL_FILE)
        if kind in WITH_OUTPUTS:
            changes |= _answered(folder, job.identity)
        shift = int(hashlib.sha256(job.name.encode()).hexdigest(), 16) % 100 / 100
        figures = {name: value + shift for name, value in METRICS.get(kind, {"steps": 1.0}).items()}
        record = a_record(
            job.name,
            {"seed": "100"} | dict(job.tags),
            figures,
            identity=job.identity,
            config=json.loads(json.dumps(job.configuration)),
            inputs={role: needed.identity for role, needed in job.needs.items()},
            data={"val": IMAGES | {"names_sha256": f"ab{job.tags['seed']}"}},
            code=[CODE],
        )
        write_record(Record.model_validate(record.model_dump() | changes), folder)
    (runs / DIFFERENCE).parent.mkdir(parents=True)
    (runs / DIFFERENCE).write_text("+ a line\n")
    (runs / DIFFERENCE).with_name("code.json").write_text(json.dumps(CODE))
    (runs / DIFFERENCE).with_name("requirements.lock").write_text("torch==2\n")
    (runs / DIFFERENCE).with_name("run_all.py").write_text("print()\n")
    write_tables(read_results(runs), runs)
    return runs


def _answered(folder: Path, identity: str) -> dict[str, Any]:
    """Random answers for as many images, kept; the figures and outputs of a record."""
    rng = np.random.default_rng(int(identity[:8], 16))
    paths = np.array([f"{number}.jpg".encode() for number in range(ANSWERS)])
    classes = np.stack([rng.permutation(10)[:5] for _ in range(ANSWERS)])
    scores = np.sort(rng.dirichlet(np.ones(6), ANSWERS)[:, :5].astype(np.float32))[:, ::-1]
    workspace = Workspace(folder)
    columns = top_k.columns(paths, rng.integers(0, 10, ANSWERS), classes, scores)
    metrics = keep_and_measure(workspace, "val", "top-k", columns)
    return {"metrics": metrics, "outputs": {name: asdict(kept) for name, kept in workspace.outputs.items()}}


def record_of(runs: Path, name: str) -> Path:
    """The file of a job's record."""
    (job,) = (job for job in json.loads((runs / PLAN_FILE).read_text())["jobs"] if job["name"] == name)
    return runs / job["folder"] / RECORD_FILE


def alter(path: Path, change: Callable[[dict[str, Any]], None], seals: bool = True) -> None:
    """Change a plan or record as a program would that knows of the seal, or as an editor would that does not."""
    content = json.loads(path.read_text())
    change(content)
    digest = content.pop(KEY)
    path.write_text(sealed(content) if seals else json.dumps(content | {KEY: digest}, indent=2))
