"""Submits a plan to SLURM: all of it at once, every job after what it needs."""

import contextlib
import io
import math
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import submitit

from core.errors import InputError
from core.instructions import variables_of
from execution.frozen import Snapshot, digest_of_code, freeze, missing
from execution.jobs import Job, jobs_by_state
from execution.resources import Resources
from execution.task import Task, forget_last_attempt
from slurm.allocations import options_of_sbatch, outside_allocations
from slurm.config import SlurmConfig
from slurm.queue import Entry, cancel, last_line, read_queue
from slurm.states import SAID_BY_SCRIPT
from slurm.submissions import FOLDER, Submission, code_of_queued, queued_jobs
from slurm.submitted import SubmittedTables, SubmittedTask

PATIENCE = 600  # seconds in which a process dies whose machine the scheduler has given up
RESOURCES_OF_TABLES = Resources(hours=0.25)


class SlurmExecutor:
    """Submits jobs with submitit.

    Args:
        runs: the folder that job folders lie in, on a file system that all nodes share.
        config: settings of the cluster.
    """

    def __init__(self, runs: Path, config: SlurmConfig) -> None:
        self.runs = runs
        self.config = config

    def submit(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Submit what is to do and not queued, and last of all a job that writes the tables.

        A queued job stays if all it needs is done or queued as well; another would wait for ever, or be ended by the
        scheduler, and is submitted anew. So is one that waits to run with other code than is submitted now.

        Args:
            jobs: topologically sorted, needs first.

        Returns:
            The scheduler's id of every queued job, by name: those submitted now and those that were there.

        Raises:
            InputError: there is no SLURM, it does not answer, or it refuses a job; or a script cannot hold a path.
        """
        _require_plain(self.runs)
        entries = read_queue()  # before the records: what ends in between counts as done
        queued = queued_jobs(entries, self.runs)
        open_jobs = jobs_by_state(jobs, self.runs).to_do
        ids = _lasting(open_jobs, queued, _of_other_code(code_of_queued(entries, self.runs), open_jobs))
        cancel(queued[job.identity].id for job in open_jobs if job.identity in queued and job.name not in ids)
        to_submit = [job for job in open_jobs if job.name not in ids]
        if to_submit and (unused := options_of_sbatch()):
            print(
                f"warning: {', '.join(unused)} of the environment do not reach the jobs: give options of sbatch in "
                "slurm.sbatch of a site file.",
                file=sys.stderr,
            )
        if not to_submit:
            return ids
        snapshot = freeze(self.runs, open_jobs)
        for group in _groups(to_submit):
            ids |= self._submit_together(group, ids, snapshot)
        self._submit_tables(sorted({identity.split("_")[0] for identity in ids.values()}), snapshot)
        return ids

    def _submit_together(self, jobs: Sequence[Job], ids: Mapping[str, str], snapshot: Snapshot) -> dict[str, str]:
        """Submit jobs that have the same needs and resources, as an array if they are several."""
        for job in jobs:
            forget_last_attempt(job.folder(self.runs))
        first, *others = jobs
        submission = Submission.of(jobs, snapshot.code.snapshot_sha256)
        title = f"{first.name}{f'+{len(others)}' if others else ''}.{submission.token}"
        needed = sorted({ids[need.name] for need in first.needs.values() if need.name in ids})
        variables = variables_of(first.instructions)
        executor = self._executor(title, first.resources, "afterok", needed, variables, snapshot)
        submission.write(self.runs)
        tasks = [SubmittedTask(Task(job, self.runs, PATIENCE, snapshot, self.config.host_names)) for job in jobs]
        try:
            number = self._submit_tasks(executor, tasks, first.name)
        except InputError:
            submission.forget(self.runs)
            raise
        submission = submission.numbered(number)
        submission.write(self.runs)
        return {job.name: submission.ids[job.identity] for job in jobs}

    def _submit_tables(self, ids: Sequence[str], snapshot: Snapshot) -> None:
        executor = self._executor("tables", RESOURCES_OF_TABLES, "afterany", ids, {}, snapshot)
        self._submit_tasks(executor, [SubmittedTables(self.runs)], "the job that writes the tables")

    def _submit_tasks(self, executor: submitit.AutoExecutor, tasks: Sequence[Callable[[], None]], name: str) -> str:
        """Submit one task, or several as an array; gives the scheduler's number.

        Raises:
            InputError: the scheduler refuses it.
        """
        messages = io.StringIO()
        try:
            with outside_allocations(), contextlib.redirect_stderr(messages), executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except submitit.core.utils.FailedJobError as error:
            for leftover in (self.runs / FOLDER).glob("?" * 32 + ".pkl"):
                leftover.unlink()
            reason = last_line(str(error)).removeprefix("sbatch: error: ")
            raise InputError(
                f"SLURM refuses {name} ({reason}): change slurm.sbatch or the resources of the profile or site file."
            ) from None
        print(messages.getvalue(), end="", file=sys.stderr)
        return jobs[0].job_id.split("_")[0]

    def _executor(
        self,
        title: str,
        resources: Resources,
        condition: str,
        needed: Sequence[str],
        variables: Mapping[str, str],
        snapshot: Snapshot,
    ) -> submitit.AutoExecutor:
        code = shlex.quote(str(snapshot.folder))
        if_missing = shlex.quote(SAID_BY_SCRIPT + missing(snapshot.folder))
        executor = submitit.AutoExecutor(
            self.runs / FOLDER, cluster="slurm", slurm_max_num_timeout=self.config.timeouts
        )
        parameters = {
            "name": title,
            "timeout_min": math.ceil(60 * resources.hours),
            "nodes": resources.nodes,
            "tasks_per_node": resources.tasks // resources.nodes,
            "cpus_per_task": resources.cpus,
            "slurm_array_parallelism": self.config.parallel,
            "slurm_signal_delay_s": self.config.warning,
            "slurm_setup": [
                f"[ -d {code} ] || {{ echo {if_missing} >&2; exit 2; }}",
                f"export PYTHONPATH={code}${{PYTHONPATH:+:$PYTHONPATH}}",
                "export PYTHONSAFEPATH=1",  # nothing from the folder that the command was given in
                *(f"export {name}={value}" for name, value in variables.items()),
                *self.config.setup,
            ],
            # One process that fails ends the others. srun takes the processors of a task from its own option alone.
            "slurm_srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={resources.cpus}"],
            "slurm_additional_parameters": {
                "requeue": True,
                "kill-on-invalid-dep": "yes",
                **self.config.sbatch,
                **resources.sbatch,
            },
        }
        if resources.gpus:
            parameters["gpus_per_node"] = resources.all_gpus // resources.nodes
        if resources.memory:
            parameters["mem_gb"] = resources.memory
        if needed:
            parameters["slurm_dependency"] = ":".join([condition, *needed])
        executor.update_parameters(**parameters)
        return executor


def _require_plain(runs: Path) -> None:
    """Refuse paths that a submission script cannot hold, or in which SLURM finds patterns of its own.

    Raises:
        InputError: the runs folder, or Python's, is such a path.
    """
    for path, separators in ((runs, "%\\:"), (Path(sys.executable), "")):
        found = [character for character in str(path) if character in separators or not character.isprintable()]
        if found:
            raise InputError(
                f"A job of SLURM cannot be given the path {str(path)!r}, because of its character {found[0]!r}: rename "
                "the folder, or name another one (--runs for the folder of runs)."
            )


def _of_other_code(codes: Mapping[str, str], jobs: Sequence[Job]) -> set[str]:
    """Identities of the queued jobs that are to run with other code than is submitted now."""
    current = digest_of_code(jobs) if codes else None
    return {identity for identity, code in codes.items() if code != current}


def _lasting(jobs: Sequence[Job], queued: Mapping[str, Entry], outdated: Collection[str]) -> dict[str, str]:
    """Ids of the queued jobs that run or will run, by name; of those that are outdated, only the ones that run."""
    unfinished = {job.name for job in jobs}
    ids: dict[str, str] = {}
    for job in jobs:
        entry = queued.get(job.identity)
        blocked = [need for need in job.needs.values() if need.name in unfinished and need.name not in ids]
        if entry and entry.can_run and (entry.is_active or not (blocked or job.identity in outdated)):
            ids[job.name] = entry.id
    return ids


def _groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs with the same needs and resources together; the groups are topologically sorted."""
    groups: dict[tuple, list[Job]] = {}
    for job in jobs:
        key = (tuple(sorted(need.name for need in job.needs.values())), job.resources.model_dump_json())
        groups.setdefault(key, []).append(job)
    return list(groups.values())
