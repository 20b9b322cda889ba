"""Runs of the miniature's claims over several worlds, with figures that are drawn around given ones."""

import json
import random
from pathlib import Path

from profiles.load import load_profile
from results.plan import PLAN_FILE
from tests.support.declared import PLANNED
from tests.support.result_runs import write_job


def fill(runs: Path, worlds: int, changes: tuple[str, ...] = (), first: int = 0, **figures: float) -> Path:
    """The miniature's claims over so many worlds; every method's figures lie so far above 40 in all evaluations.

    The seeds of the worlds follow each other from the first.
    """
    profile = load_profile("mini", changes).model_dump(mode="json")
    rng = random.Random(first)
    jobs = []
    for seed in range(first, first + worlds):
        for method in (name for name, it in profile["methods"].items() if it["objective"] != "untrained"):
            by_evaluation: dict[str, dict[str, float]] = {}
            for claimed in profile["claims"]["primary"].values():
                for name in claimed:
                    evaluation, metric = name.split("/")
                    value = 40 + figures.get(method.replace("-", "_"), 0.0) + rng.gauss(0, 0.5)
                    by_evaluation.setdefault(evaluation, {})[metric] = value
            is_run = [name for name in by_evaluation if "detection" not in name or profile["evaluate"]["detection"]]
            jobs += [write_job(runs, name, method, seed, by_evaluation[name]) for name in is_run]
    profile["seeds"] = list(range(first, first + worlds))
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs
