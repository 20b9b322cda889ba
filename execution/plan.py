"""The plan on disk: which jobs a reproduction consists of. Whoever reads results starts here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.declarations import Table
from core.files import write_text
from execution.jobs import Job
from results.plan import PLAN_FILE
from results.seal import plain, sealed


def write_plan(
    jobs: Sequence[Job],
    profile: dict[str, Any],
    tables: Sequence[Table],
    runs: Path,
    arguments: Sequence[str] = (),
    possible: Iterable[tuple[str, str, str]] = (),
    lacking: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Write the plan into ``runs``, sealed.

    Args:
        jobs: with which the figures are measured, what is needed first.
        profile: resolved.
        tables: what there is to show.
        runs: the profile's folder.
        arguments: of the command, that gave the profile.
        possible: method, pretraining set and evaluation of what the profile could measure, asked for or not.
        lacking: keys of the data that are not there, by the names of the jobs that cannot be run without.
    """
    entries = [
        {
            "name": job.name,
            "stage": job.stage.id,
            "identity": job.identity,
            "folder": str(job.folder(Path())),
            "tags": dict(job.tags),
            "needs": {role: needed.name for role, needed in job.needs.items()},
            "lacks": list(lacking.get(job.name, ())),
        }
        for job in jobs
    ]
    content = plain(
        {
            "profile": profile,
            "arguments": list(arguments),
            "tables": [asdict(it) for it in tables],
            "possible": [list(it) for it in possible],
            "jobs": entries,
        }
    )
    write_text(runs / PLAN_FILE, sealed(content))
