"""Prints a plan: every job, and what is still to do, in GPU-hours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from commands.other_code import jobs_of_other_code, sentences_about
from commands.selection import Selection
from execution.jobs import jobs_by_state
from profiles.cost import MEASURED_FILE, Throughput, by_kind, cheaper_plans, gpu_hours, read_measured
from slurm.scheduler import Scheduler
from slurm.submissions import code_of_queued, was_ever_submitted


def print_plan(selection: Selection) -> None:
    """Touches nothing."""
    jobs, runs = selection.selected, selection.runs
    values = selection.profile.model_dump(mode="json")
    throughput, source = _throughput(selection.profile.throughput, values, runs.parent / MEASURED_FILE)
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
    for data_set in selection.at_hand:
        print(f"{data_set.key}: {data_set.folder or 'not found below data.root'}")
    for name, left_out in selection.left_out.items():
        print(f"data.webvision.{name}.exclusions: {left_out.said}")
    for job, reason in found.held_back:
        print(f"\n{job.name} is held back: {reason}")
    scheduler = Scheduler(selection.profile.slurm.cluster)
    entries = scheduler.queue_if_there() if was_ever_submitted(runs) else []
    for sentence in sentences_about(jobs_of_other_code(found.to_do, runs, code_of_queued(entries, runs)), runs):
        print(f"\n{sentence}")
    kinds = by_kind(found.to_do, hours)
    if any(job.resources.gpus for job in jobs):
        print("\nTo do:\n" + tabulate(kinds, headers="keys", floatfmt=".1f"))
        print(f"GPU-hours: {source}.")
    total = sum(row["GPU-hours"] for row in kinds)
    print(f"{len(jobs)} jobs; {total:.4g} GPU-hours to do.")
    stated = selection.profile.throughput
    ways = [way for way in (stated.cheaper if stated else ()) if way.arguments(values) and not way.is_taken_by(values)]
    for plan in cheaper_plans(ways, throughput, jobs, found.to_do) if throughput else ():
        print(f"\n{plan.hours:.4g} GPU-hours, {total - plan.hours:.4g} less, with {plan.way.arguments(values)}")
        if plan.way.times:
            print(f"All is run anew. From images a second on {plan.throughput.device}: {_rates(plan.throughput)}.")
        print(f"Figures that may move: {plan.way.moves}.")


def _throughput(stated: Throughput | None, profile: Mapping[str, Any], file: Path) -> tuple[Throughput | None, str]:
    """By which GPU-hours are estimated (None where the time limits have to stand in), and what that rests on."""
    measured = read_measured(file)
    found: Throughput
    if measured is not None and measured.is_for(profile):
        found, origin = measured, f"measured in {file}"
    elif stated is not None:
        found, origin = stated.of(profile), "stated by the profile"
    else:
        return None, "the time limits, as no throughput is known"
    source = f"from images a second on {found.device}, {origin} ({_rates(found)})"
    return found, f"{source}; the time limit where these do not tell"


def _rates(throughput: Throughput) -> str:
    return ", ".join(f"{rate:g} {name}" for name, rate in throughput.rates.items())
