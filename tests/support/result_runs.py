"""A folder of runs as results read it: a plan, and records with figures that are given."""

import json
from pathlib import Path

from profiles.load import load_profile
from results.plan import PLAN_FILE
from results.records import write_record
from results.schema import Record
from tests.support.declared import DATA, PLANNED

METHODS = load_profile("released").model_dump(mode="json")["methods"]


CLAIMS = {
    "better": "mopro",
    "baselines": ["ce"],
    "margin": 1,
    "primary": {
        "accuracy": ["accuracy-webvision/top1", "accuracy-imagenet/top1"],
        "low-shot": [f"lowshot-voc07/k{k}" for k in (1, 2, 4, 8, 16)],
    },
    "steps": ["ce", "mopro"],
}


def a_record(name: str, tags: dict[str, str], metrics: dict, spread: float | None = None, **changes) -> Record:
    """A record of a job whose identity is its name."""
    figures = {key: {"value": value, "unit": "%", "n": 5, "spread": spread} for key, value in metrics.items()}
    content = {
        "schema_version": 2,
        "name": name,
        "identity": name,
        "stage": "tests:none",
        "tags": tags,
        "seed": int(tags["seed"]),
        "config": {},
        "inputs": {},
        "metrics": figures,
        "data": {"val": {"images": 5, "classes": 2, "names_sha256": "ab"}},
        "provenance": {},
        "code": [{"commit": "0123456789abcdef", "differs": False}],
        "arithmetic": {},
        "environment": {},
        "hardware": {},
        "cost": {"seconds": 0, "gpu_hours": 0, "starts": []},
    }
    return Record.model_validate(content | changes)


def write_job(
    runs: Path, evaluation: str, method: str, seed: int, metrics: dict, spread: float | None = None, **changes
) -> dict:
    """A job's entry in the plan, and its record in the folder where there are metrics."""
    name = f"{evaluation}/{method}/webvision-v1/seed{seed}"
    tags = {"method": method, "set": "webvision-v1", "seed": str(seed), "evaluation": evaluation}
    if metrics:
        write_record(a_record(name, tags, metrics, spread, **changes), runs / name)
    return {"name": name, "identity": name, "folder": name, "tags": tags}


def write_runs(runs: Path, compares_with: str) -> Path:
    """Three seeds of both methods; MoPro's low-shot evaluation has one seed, CE's none."""
    jobs = []
    for seed in range(3):
        for method, top1 in (("ce", 66.0 + seed), ("mopro", 73.0 + 1.1 * seed)):
            metrics = {"top1": top1, "top5": 90.0}
            jobs.append(write_job(runs, "accuracy-webvision", method, seed, metrics))
            jobs.append(write_job(runs, "accuracy-imagenet", method, seed, {"top1": top1 - 6, "top5": 80.0 - seed}))
    lowshot = {f"k{k}": 50.0 + k for k in (1, 2, 4, 8, 16)}
    jobs.append(write_job(runs, "lowshot-voc07", "mopro", 0, lowshot, spread=2.5))
    jobs.append(write_job(runs, "lowshot-voc07", "ce", 0, {}))
    profile = {"name": "golden", "compares_with": compares_with, "tolerance": 0.5, "data": DATA, "methods": METHODS}
    if compares_with == "claims":
        profile["claims"] = CLAIMS
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs
