"""Parts of a shipped profile's plan, with records of those jobs that are done."""

from pathlib import Path

from execution.jobs import topologically_sorted
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from results.plan import Results, read_results
from results.records import write_record
from tests.support.declared import DATA, TABLES
from tests.support.result_runs import a_record

METRICS = {
    "accuracy": {"top1": 60.0, "top5": 90.0},
    "cleaning": {"kept": 70.0},
    "lowshot": {"k1": 30.0, "k16": 60.0},
    "robustness": {"accuracy": 20.0},
    "finetune": {"top1": 60.0},
    "detection": {"box_ap": 10.0},
}


def planned_of(profile: str) -> list:
    return [
        job
        for job in jobs_of(load_profile(profile, ["seeds=[0, 1]"] if profile != "released" else []))
        if job.tags.get("set") in (None, "none", "webvision", "webvision-v1", "imagenet")
    ]


CLAIMS = load_profile("mini").model_dump(mode="json")["claims"]


def write_part(runs: Path, chosen: list, done: set[str], compares_with: str) -> Results:
    """A plan of some jobs and what they need, and records of those that are done."""
    jobs = topologically_sorted(chosen)
    profile = {"name": "part", "compares_with": compares_with, "tolerance": 0.5, "claims": CLAIMS, "data": DATA}
    write_plan(jobs, profile, TABLES, runs)
    for job in jobs:
        if job.name in done:
            kind = job.tags.get("evaluation", "").split("-")[0]
            tags = dict(job.tags) or {"seed": "0"}
            write_record(
                a_record(job.name, {"seed": "0"} | tags, METRICS.get(kind, {"steps": 1.0}), identity=job.identity),
                job.folder(runs),
            )
    return read_results(runs)
