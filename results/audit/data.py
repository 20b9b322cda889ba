"""Whether all methods read the same data."""

from results.audit.case import Case, Verdict
from results.copies import differing_copies
from results.plan import Results


def equal_data(case: Case, results: Results) -> Verdict:
    """One copy of each data set for all methods, by names, labels and, where they were looked at, content."""
    described = [(job, record) for job, record in results.done if record.data]
    splits = {split for _, record in described for split in record.data}
    verdict = Verdict(
        f"{len(described)} jobs, {len(splits)} splits" if described else "", breaches=differing_copies(results)
    )
    by_names = [job for job, record in described if any(it.sample_sha256 is None for it in record.data.values())]
    if by_names:
        verdict.unchecked.append(
            f"the content of the images of {len(by_names)} jobs, whose records have names and labels"
        )
    silent = [job for job, record in results.done if not record.data and "evaluation" in job.tags]
    if silent:
        verdict.unchecked.append(f"{len(silent)} evaluations, such as {silent[0].name}, whose records name no data")
    return verdict
