"""Prints a plan: every job, and what is still to do, in GPU-hours."""

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from commands.other_code import jobs_of_other_code, sentences_about
from commands.selection import Selection
from execution.jobs import Job, jobs_by_state
from profiles.cost import MEASURED_FILE, by_kind, gpu_hours, read_measured
from profiles.schema import Profile
from slurm.queue import read_queue_if_there
from slurm.submissions import code_of_queued, was_ever_submitted


def print_plan(selection: Selection) -> None:
    """Touches nothing."""
    jobs, runs = selection.selected, selection.runs
    hours, source = _estimate(selection.profile, jobs, runs.parent / MEASURED_FILE)
    found = jobs_by_state(jobs, runs)
    states = dict.fromkeys(found.done, "done") | {job: "held back" for job, _ in found.held_back}
    rows = [
        {
            "job": job.name,
            "state": states.get(job, "to do"),
            "needs": ", ".join(needed.name for needed in job.needs.values()),
            "nodes": job.resources.nodes,
            "tasks": job.resources.tasks,
            "GPU-hours": job.resources.gpu_hours if hours[job.name] is None else hours[job.name],
            "folder": job.folder(Path()),
        }
        for job in jobs
    ]
    print(tabulate(rows, headers="keys", floatfmt=".4g"))
    for job, reason in found.held_back:
        print(f"\n{job.name} is held back: {reason}")
    entries = read_queue_if_there() if was_ever_submitted(runs) else []
    for sentence in sentences_about(jobs_of_other_code(found.to_do, runs, code_of_queued(entries, runs)), runs):
        print(f"\n{sentence}")
    kinds = by_kind(found.to_do, hours)
    if any(job.resources.gpus for job in jobs):
        print("\nTo do:\n" + tabulate(kinds, headers="keys", floatfmt=".1f"))
        print(f"GPU-hours: {source}.")
    print(f"{len(jobs)} jobs; {sum(row['GPU-hours'] for row in kinds):.4g} GPU-hours to do.")


def _estimate(profile: Profile, jobs: Sequence[Job], measured_file: Path) -> tuple[dict[str, float | None], str]:
    """GPU-hours by the job's name (None where the time limit has to stand in), and what they are based on."""
    measured = read_measured(measured_file)
    if measured is not None and not measured.is_for(profile.model_dump(mode="json")):
        measured = None
    throughput = measured or profile.throughput
    if throughput is None:
        return dict.fromkeys([job.name for job in jobs]), "the time limits, as no throughput is known"
    origin = f"measured in {measured_file}" if measured else "stated by the profile"
    rates = ", ".join(f"{rate:g} {name}" for name, rate in throughput.rates.items())
    source = f"from images a second on {throughput.device}, {origin} ({rates}); the time limit where these do not tell"
    return {job.name: gpu_hours(job, throughput) for job in jobs}, source
