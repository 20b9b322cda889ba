"""Prints a plan: every job, and what is still to do, in GPU-hours."""

from pathlib import Path

from tabulate import tabulate

from commands.other_code import jobs_of_other_code, sentences_about
from commands.selection import Selection
from execution.jobs import jobs_by_state
from profiles.cost import MEASURED_FILE, Measured, Throughput, by_kind, cheaper_plans, gpu_hours, read_measured
from profiles.schema import Profile
from slurm.queue import read_queue_if_there
from slurm.submissions import code_of_queued, was_ever_submitted


def print_plan(selection: Selection) -> None:
    """Touches nothing."""
    jobs, runs = selection.selected, selection.runs
    throughput, source = _throughput(selection.profile, runs.parent / MEASURED_FILE)
    hours = {job.name: None if throughput is None else gpu_hours(job, throughput) for job in jobs}
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
    total = sum(row["GPU-hours"] for row in kinds)
    print(f"{len(jobs)} jobs; {total:.4g} GPU-hours to do.")
    for plan in cheaper_plans(throughput, jobs, found.to_do) if throughput else ():
        print(f"\n{plan.hours:.4g} GPU-hours, {total - plan.hours:.4g} less, with {plan.way.arguments}")
        if plan.way.rates:
            print(f"From images a second on {plan.throughput.device} ({_rates(plan.throughput)}).")
        print(f"Figures that may move: {plan.way.moves}.")


def _throughput(profile: Profile, measured_file: Path) -> tuple[Throughput | None, str]:
    """By which GPU-hours are estimated (None where the time limits have to stand in), and what that rests on.

    What a profile says of cheaper ways is about its own rates: of what was measured, it only knows what to leave out.
    """
    values, stated = profile.model_dump(mode="json"), profile.throughput
    throughput: Throughput | None = read_measured(measured_file)
    if isinstance(throughput, Measured) and throughput.is_for(values):
        leaving_out = [way for way in (stated.cheaper if stated else ()) if not way.rates]
        throughput, origin = throughput.model_copy(update={"cheaper": leaving_out}), f"measured in {measured_file}"
    elif stated is not None:
        throughput, origin = stated.of(values), "stated by the profile"
    else:
        return None, "the time limits, as no throughput is known"
    source = f"from images a second on {throughput.device}, {origin} ({_rates(throughput)})"
    return throughput, f"{source}; the time limit where these do not tell"


def _rates(throughput: Throughput) -> str:
    return ", ".join(f"{rate:g} {name}" for name, rate in throughput.rates.items())
