"""Whether every job is there: those of the plan have records, those of the profile are in the plan."""

from results.audit.case import Case, Expected, Verdict
from results.plan import PlannedJob, Results
from results.trail import not_run_because


def all_jobs(case: Case, results: Results) -> Verdict:
    """A record for each planned job, a planned job for each of the profile's; each has read what it was planned to."""
    verdict = Verdict(f"all {len(results.jobs)} planned jobs have records")
    for name in results.missing:
        if name not in results.left_out:  # which another rule names
            reason = not_run_because(results, case.folder, results.planned[name])
            verdict.breaches.append(f"The job {name} has no record: {reason.rstrip('.')}.")
    _left_out_of_the_plan(case.expected, results, verdict)
    for job, record in results.done:
        needed = {role: results.planned[name].identity for role, name in job.needs.items()}
        if needed != record.inputs:
            verdict.breaches.append(f"The record of {job.name} has other inputs than the plan's: {_differing(job)}.")
    return verdict


def _left_out_of_the_plan(expected: Expected, results: Results, verdict: Verdict) -> None:
    if expected.jobs is None:
        verdict.unchecked.append(f"whether the plan has all jobs of its profile, as {expected.unread}")
        return
    verdict.found += ", and the plan has all jobs of its profile"
    verdict.breaches += [
        f"The plan lacks the job {name}, which its profile has."
        for name in expected.jobs
        if name not in results.planned
    ]
    if expected.own:
        verdict.unchecked.append(
            f"whether the plan has all jobs of {', '.join(expected.own)}: it is code of the user's"
        )


def _differing(job: PlannedJob) -> str:
    return f"it needs {', '.join(job.needs.values()) or 'nothing'}"
