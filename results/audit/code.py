"""Whether one code computed everything."""

from results.audit.case import Case, Verdict, alike
from results.plan import PlannedJob, Results
from results.schema import Code

DIGITS = 10  # of a commit or digest in a sentence


def one_code(case: Case, results: Results) -> Verdict:
    """One commit without differences, or one snapshot, for all starts of all jobs."""
    by_code: dict[str, list[PlannedJob]] = {}
    unknown, unkept = [], []
    for job, record in results.done:
        for code in record.code:
            if code.commit is None and code.snapshot_sha256 is None:
                unknown.append(job)
            elif code.differs is not False and code.snapshot_sha256 is None:
                unkept.append(job)
            by_code.setdefault(_shown(code), []).append(job)
    verdict = Verdict(next(iter(by_code), "") if len(unknown) < len(results.done) else "")
    if len(by_code) > 1:
        parts = [f"{shown} ({alike(jobs)})" for shown, jobs in by_code.items()]
        verdict.breaches.append(f"The records are of {len(by_code)} codes: {'; '.join(parts)}.")
    if unknown:
        verdict.unchecked.append(f"{alike(unknown)}: no code is recorded")
    if unkept:
        verdict.unchecked.append(f"{alike(unkept)}: the code had changes that no snapshot holds")
    differences = {code.difference for _, record in results.done for code in record.code if code.difference}
    verdict.breaches += [
        f"The difference {name} from the commit, which records name, is not there."
        for name in sorted(differences)
        if not (case.folder / name).is_file()
    ]
    return verdict


def _shown(code: Code) -> str:
    commit = f"commit {code.commit[:DIGITS]}" if code.commit else "an unknown commit"
    changes = {True: " with changes", False: "", None: ", perhaps with changes"}[code.differs]
    snapshot = f", snapshot {code.snapshot_sha256[:DIGITS]}" if code.snapshot_sha256 else ""
    return f"{commit}{changes}{snapshot}"
