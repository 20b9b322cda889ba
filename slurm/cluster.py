"""Submits a plan to SLURM: all of it at once, every job after what it needs."""

import contextlib
import io
import math
import re
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import submitit

from core.errors import InputError
from core.instructions import variables_of
from execution.frozen import Snapshot, digest_of_code, freeze, missing
from execution.jobs import Job, jobs_by_state
from execution.resources import Resources, SbatchOptions
from execution.task import Task, forget_last_attempt
from slurm.allocations import options_of_sbatch, outside_allocations
from slurm.config import SlurmConfig
from slurm.scheduler import Entry, Scheduler, reason_in
from slurm.states import SAID_BY_SCRIPT
from slurm.submissions import FOLDER, Submission, code_of_queued, queued_jobs
from slurm.submitted import SubmittedTables, SubmittedTask

PATIENCE = 600  # seconds in which a process dies whose machine the scheduler has given up
RESOURCES_OF_TABLES = Resources(hours=0.25)
# Such as QOSMaxSubmitJobPerUserLimit or AssocGrpSubmitJobsLimit, and what a full controller and long arrays give.
LIMIT_OF_QUEUE = re.compile("SubmitJob|Resource temporarily unavailable|Invalid job array specification")


class QueueLimitError(InputError):
    """The scheduler takes no more jobs until others have ended."""


@dataclass(frozen=True)
class Submitted:
    """What the scheduler has taken.

    Attributes:
        ids: the scheduler's id of every queued job, by name: those submitted now and those that were there.
        left: names of the jobs that it takes once others have ended.
        why: its reason to take no more; empty where it took all.
    """

    ids: Mapping[str, str]
    left: frozenset[str] = frozenset()
    why: str = ""


class SlurmExecutor:
    """Submits jobs with submitit.

    Args:
        runs: the folder that job folders lie in, on a file system that all nodes share.
        config: settings of the cluster.
    """

    def __init__(self, runs: Path, config: SlurmConfig) -> None:
        self.runs = runs
        self.config = config
        self.scheduler = Scheduler(config.cluster)
        self._snapshot: Snapshot | None = None  # of the first submission; later ones go on with the same code

    def submit(self, jobs: Sequence[Job], ended: Collection[str] = ()) -> Submitted:
        """Submit what is to do and not queued, as far as the scheduler takes it, and last of all one for the tables.

        A queued job stays if all it needs is done or queued as well; another would wait for ever, or be ended by the
        scheduler, and is submitted anew. So is one that waits to run with other code than is submitted now.

        Args:
            jobs: topologically sorted, needs first.
            ended: names of those that are not to be submitted, nor what needs them.

        Raises:
            InputError: there is no SLURM, it does not answer, or it refuses a job; or a script cannot hold a path.
        """
        _require_plain(self.runs, self.config.python)
        entries = self.scheduler.queue()  # before the records: what ends in between counts as done
        queued = queued_jobs(entries, self.runs)
        open_jobs = jobs_by_state(jobs, self.runs).to_do
        ids = _lasting(open_jobs, queued, self._of_other_code(code_of_queued(entries, self.runs), open_jobs))
        self.scheduler.cancel(
            queued[job.identity].id for job in reversed(open_jobs) if job.identity in queued and job.name not in ids
        )
        to_submit = [job for job in open_jobs if job.name not in ids and job.name not in ended]
        if not to_submit:
            return Submitted(ids)
        if unused := options_of_sbatch():
            print(
                f"warning: {', '.join(unused)} of the environment do not reach the jobs: give options of sbatch in "
                "slurm.sbatch of a site file.",
                file=sys.stderr,
            )
        self._snapshot = self._snapshot or freeze(self.runs, open_jobs)
        try:
            self._submit_all(to_submit, {job.name for job in open_jobs}, ids, self._snapshot)
        except QueueLimitError as error:
            return Submitted(ids, frozenset(job.name for job in to_submit if job.name not in ids), str(error))
        return Submitted(ids)

    def submit_probe(self, probe: Callable[[], None], resources: Resources, jobs: Sequence[Job]) -> str:
        """Submit what looks at the nodes as jobs of these resources will see them; gives the scheduler's number.

        Args:
            probe: what each process calls.
            resources: theirs.
            jobs: those whose code it has.

        Raises:
            InputError: there is no SLURM, it does not answer, or it refuses the job.
        """
        _require_plain(self.runs, self.config.python)
        self._snapshot = self._snapshot or freeze(self.runs, jobs)
        executor = self._executor("doctor", resources, "afterok", [], {}, self._snapshot)
        return self._submit_tasks(executor, [probe], "the job")

    def _of_other_code(self, codes: Mapping[str, str], jobs: Sequence[Job]) -> set[str]:
        """Identities of the queued jobs that are to run with other code than is submitted now."""
        if not codes:
            return set()
        current = self._snapshot.code.snapshot_sha256 if self._snapshot else digest_of_code(jobs)
        return {identity for identity, code in codes.items() if code != current}

    def _submit_all(
        self, jobs: Sequence[Job], unfinished: Collection[str], ids: dict[str, str], snapshot: Snapshot
    ) -> None:
        """Submit what needs nothing that is neither done nor queued, then the tables; notes the ids.

        Raises:
            QueueLimitError: the scheduler takes no more.
        """
        for group in _groups(jobs):
            if all(need.name in ids or need.name not in unfinished for need in group[0].needs.values()):
                self._submit_what_fits(group, ids, snapshot)
        if ids:
            self._submit_tables(sorted({identity.split("_")[0] for identity in ids.values()}), snapshot)

    def _submit_what_fits(self, jobs: Sequence[Job], ids: dict[str, str], snapshot: Snapshot) -> None:
        """Submit a group; where the scheduler does not take as many at once, half of it, and so on.

        Raises:
            QueueLimitError: it has not taken all.
        """
        try:
            ids |= self._submit_together(jobs, ids, snapshot)
        except QueueLimitError:
            if len(jobs) == 1:
                raise
            middle = len(jobs) // 2
            self._submit_what_fits(jobs[:middle], ids, snapshot)
            self._submit_what_fits(jobs[middle:], ids, snapshot)

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
            QueueLimitError: the scheduler takes no more until others have ended.
            InputError: the scheduler refuses it.
        """
        messages = io.StringIO()
        try:
            with outside_allocations(), contextlib.redirect_stderr(messages), executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except submitit.core.utils.FailedJobError as error:
            for pattern in (f"{'?' * 32}.pkl", ".submission_file_*"):
                for path in (self.runs / FOLDER).glob(pattern):
                    if not path.is_symlink():  # which the scripts of what was taken have become
                        path.unlink()
            reason = reason_in(str(error))
            if LIMIT_OF_QUEUE.search(reason):
                raise QueueLimitError(f"SLURM takes no more jobs for now ({reason}).") from None
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
            self.runs / FOLDER,
            cluster="slurm",
            slurm_max_num_timeout=self.config.timeouts,
            slurm_python=self.config.python,
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
            "slurm_srun_args": [
                "--kill-on-bad-exit=1",
                f"--cpus-per-task={resources.cpus}",
                *self.config.srun_args,
            ],
            "slurm_additional_parameters": {
                "requeue": True,
                "kill_on_invalid_dep": "yes",
                **({"clusters": self.config.cluster} if self.config.cluster else {}),
                **_as_submitit_names(self.config.sbatch),
                **_as_submitit_names(resources.sbatch),
            },
        }
        gpus_of_node = resources.all_gpus // resources.nodes
        if gpus_of_node and self.config.gres:
            parameters["slurm_gres"] = f"{self.config.gres}:{gpus_of_node}"
        elif gpus_of_node:
            parameters["gpus_per_node"] = gpus_of_node
        if resources.memory:
            parameters["mem_gb"] = resources.memory
        if needed:
            parameters["slurm_dependency"] = ":".join([condition, *needed])
        executor.update_parameters(**parameters)
        return executor


def _as_submitit_names(options: SbatchOptions) -> dict[str, str | int | bool]:
    """Options by the names that submitit has for them, so that they win over what it is told otherwise."""
    return {name.replace("-", "_"): value for name, value in options.items()}


def _require_plain(runs: Path, python: str | None) -> None:
    """Refuse paths that a submission script cannot hold, or in which SLURM finds patterns of its own.

    Raises:
        InputError: the runs folder, or Python's, is such a path.
    """
    paths = [(runs, "%\\:")] + ([(Path(sys.executable), "")] if python is None else [])
    for path, separators in paths:
        found = [character for character in str(path) if character in separators or not character.isprintable()]
        if found:
            raise InputError(
                f"A job of SLURM cannot be given the path {str(path)!r}, because of its character {found[0]!r}: rename "
                "the folder, or name another one (--runs for the folder of runs)."
            )


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
