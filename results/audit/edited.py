"""Whether plan, records and the files that records name are as they were written."""

from pathlib import Path

from core.files import sha256_of
from core.workspace import MODEL_FILE
from results.audit.case import Case, Verdict
from results.outputs import are_left_out
from results.plan import PLAN_FILE, PlannedJob, Results
from results.schema import Output, Record
from results.seal import is_as_written, opened
from results.shipped_models import DIGEST


def nothing_edited(case: Case, results: Results) -> Verdict:
    """Seals of plan and records, digests of outputs and models."""
    verdict = Verdict(breaches=list(results.problems))
    _plan(case, verdict)
    old = [job for job, record in results.done if record.schema_version == 1]
    if old:
        verdict.unchecked.append(f"{len(old)} records of version 1, which has no seal")
    outputs = [(job, output) for job, record in results.done for output in (record.outputs or {}).values()]
    if are_left_out(results, case.folder):
        verdict.unchecked.append(f"{len(outputs)} outputs, none of which is here")
        outputs = []
    for job, output in outputs:
        verdict.breaches += _of_output(case.folder, job, output)
    models = absent = 0
    for job, record in results.done:
        if DIGEST in record.provenance:
            has_model = (case.folder / job.folder / MODEL_FILE).is_file()
            models, absent = models + has_model, absent + (not has_model)
            verdict.breaches += _of_model(case.folder, job, record) if has_model else []
    if absent:
        verdict.unchecked.append(f"{absent} models, which are not here")
    verdict.found = (
        f"plan and {len(results.done)} records, {len(outputs)} outputs and {models} models are as they were written"
    )
    return verdict


def _plan(case: Case, verdict: Verdict) -> None:
    """A plan that was edited cannot be read, so that here it is whole, or never had a seal."""
    content = (case.folder / PLAN_FILE).read_bytes()
    if not is_as_written(content) and "digest" not in opened(content):
        verdict.unchecked.append(f"{PLAN_FILE}, which has no seal")


def _of_output(folder: Path, job: PlannedJob, output: Output) -> list[str]:
    path = folder / job.folder / output.file
    try:
        if path.stat().st_size == output.bytes and sha256_of(path) == output.sha256:
            return []
    except OSError as error:
        return [f"The output {job.folder}/{output.file} cannot be read ({error.strerror})."]
    return [f"The output {job.folder}/{output.file} is not the one that its record names: it was altered or replaced."]


def _of_model(folder: Path, job: PlannedJob, record: Record) -> list[str]:
    path = folder / job.folder / MODEL_FILE
    if sha256_of(path) == record.provenance[DIGEST]:
        return []
    return [f"The model {job.folder}/{MODEL_FILE} is not the one that its record names: it was altered or replaced."]
