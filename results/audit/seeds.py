"""Whether runs that count as several are several."""

from collections.abc import Hashable

from results.audit.case import Case, Verdict
from results.plan import OF_A_FIGURE, PlannedJob, Results
from results.schema import Record
from results.shipped_models import DIGEST

SEED = "seed"


def distinct_seeds(case: Case, results: Results) -> Verdict:
    """Plan, record and configuration name one seed; no two jobs that count as two have a seed or a model in common."""
    seeds: dict[Hashable, PlannedJob] = {}
    models: dict[Hashable, PlannedJob] = {}
    verdict = Verdict()
    for job, record in results.done:
        if SEED not in job.tags:
            continue
        verdict.breaches += _of_record(case, job, record)
        configured = record.config.get(SEED)
        for what, value, known in (("seed", configured, seeds), ("model", record.provenance.get(DIGEST), models)):
            if value is None:
                continue
            kind = tuple(job.tags.get(tag) for tag in OF_A_FIGURE if tag != SEED)
            twin = known.setdefault((*kind, job.kind, str(value)), job)
            if twin is not job:
                verdict.breaches.append(f"{twin.name} and {job.name} have one {what} ({str(value)[:10]}).")
    planned = sorted({job.tags[SEED] for job in results.jobs if SEED in job.tags}, key=int)
    verdict.found = f"seeds {', '.join(planned)}, each its own" if planned else ""
    if not planned:
        verdict.unchecked.append("no job has a seed")
    return verdict


def _of_record(case: Case, job: PlannedJob, record: Record) -> list[str]:
    """Where a record, or what it says of its configuration, is of another seed than the plan says."""
    planned, said = job.tags[SEED], (record.seed, record.tags.get(SEED))
    if said != (int(planned), planned):
        return [f"The plan has the seed {planned} for {job.name}, its record {record.seed}."]
    expected = (case.expected.jobs or {}).get(job.name)
    if expected and expected.seed is not None and str(expected.seed) == planned != str(record.config.get(SEED)):
        return [f"{job.name} was run with the seed {record.config.get(SEED)}, and counts as of seed {planned}."]
    return []
