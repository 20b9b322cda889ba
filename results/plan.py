"""A written plan and the records that are there for it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from results.records import Record, read_record

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Results:
    """The records of one reproduction.

    Attributes:
        profile: resolved, as it was planned last.
        records: of the finished jobs of that plan; records of earlier plans are left out.
        missing: names of the jobs that have no record.
        tags: of all jobs of the plan.
    """

    profile: dict[str, Any]
    records: list[Record]
    missing: list[str]
    tags: list[dict[str, str]]


def read_results(runs: Path) -> Results:
    """Read the plan in ``runs`` and every record that belongs to it.

    Raises:
        InputError: there is no plan.
    """
    try:
        plan = json.loads((runs / PLAN_FILE).read_text())
    except FileNotFoundError:
        raise InputError(f"{runs} holds no {PLAN_FILE}: run the profile first, with python run_all.py.") from None
    found = {job["name"]: read_record(runs / job["folder"], job["identity"]) for job in plan["jobs"]}
    return Results(
        profile=plan["profile"],
        records=[record for record in found.values() if record],
        missing=[name for name, record in found.items() if record is None],
        tags=[job["tags"] for job in plan["jobs"]],
    )
