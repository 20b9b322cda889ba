"""Asks a cluster, before the first GPU-hour, whether jobs will run there: a short job on each kind of resources.

Every probe is submitted as the jobs of its kind will be, with their resources and time limit, and ends within a minute.
"""

import json
import re
import secrets
import shutil
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files import exclusive_lock
from execution.frozen import LOCK_FILE, REPOSITORY
from execution.jobs import Job
from execution.resources import Resources
from slurm.cluster import QueueLimitError, SlurmExecutor
from slurm.probe import Probe
from slurm.scheduler import Entry, Scheduler
from slurm.submissions import FOLDER as LOGS

FOLDER = "doctor"
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_APPEAR = 10.0  # files of another machine, after its job has left the queue
SECONDS_TO_BE_EXACT = 15.0  # the scheduler says NOT_YET_EXACT at first, and on its next round what it means
NOT_YET_EXACT = "PartitionConfig"
FOR_EVER = re.compile(r"Partition\w+|BadConstraints|Invalid\w+|\w*NotAllowed|\w*WallDuration\w*|\w*PerJob\w*")
POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"  # whatever it was
SETTINGS = (  # words of the scheduler's refusals, and what they are about; the first that fits
    (r"time ?limit|WallDuration", "{key}.hours"),
    (r"account", "slurm.sbatch.account"),
    (r"qos", "slurm.sbatch.qos"),
    (r"node count|NodeLimit", "{key}.nodes"),
    (NOT_YET_EXACT, "{key} (hours, nodes, tasks, cpus, gpus, memory)"),
    (r"configuration|cpu|gres|memory|BadConstraints", "{key} (nodes, tasks, cpus, gpus, memory)"),
    (r"partition", "slurm.sbatch.partition"),
    (r"", "slurm.sbatch, or {key}"),
)

SILENCES = (  # words in the log of a job that gave no answer, and what they mean
    ("No module named", "Python on a node lacks a package", "install it there, or set slurm.python"),
    (
        "No such file|not found|[Pp]ermission denied",
        "Python does not start on a node",
        "set slurm.python to one that is there",
    ),
)


@dataclass(frozen=True)
class Answer:
    """What was found about one question.

    Attributes:
        about: what was asked.
        text: one sentence.
        is_fault: whether jobs would fail.
    """

    about: str
    text: str
    is_fault: bool = False


@dataclass(frozen=True)
class Kind:
    """Jobs of the same resources.

    Attributes:
        key: of the resources in the profile, such as ``resources.pretrain``.
        resources: theirs.
        sources: files and folders that they read, by their keys.
        images: a second that a node has to read; None where that is not known.
    """

    key: str
    resources: Resources
    sources: Mapping[str, str] = field(default_factory=dict)
    images: float | None = None


def examine(executor: SlurmExecutor, kinds: Sequence[Kind], patience: float, jobs: Sequence[Job]) -> Iterator[Answer]:
    """Answers one by one, as they are found.

    Args:
        executor: for this site.
        kinds: of resources.
        patience: seconds until what has not ended by then is taken out of the queue.
        jobs: whose code the probes have.

    Raises:
        InputError: there is no SLURM; or the folder of runs has no locks on this machine.
    """
    scheduler = executor.scheduler
    lines = scheduler.ask("sinfo", "--noheader", "--format=%P").splitlines()
    partitions = [line.strip() for line in lines if line.strip() and ":" not in line]  # one may name the cluster
    yield Answer("scheduler", f"answers, with the partitions {', '.join(partitions)}")
    try:
        scheduler.ask("sacct", "--noheader", "--format=JobID", "--starttime=now")
        yield Answer("accounting", "answers")
    except InputError:
        yield Answer(
            "accounting",
            "does not answer: some minutes after a job's end, its log alone tells how it ended; figures are the same",
        )
    packages, place = _installed(), executor.runs / FOLDER / secrets.token_hex(4)
    try:
        left = list(kinds)
        while left:
            left = yield from _examine_what_fits(executor, left, place, packages, patience, jobs)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _examine_what_fits(
    executor: SlurmExecutor,
    kinds: Sequence[Kind],
    place: Path,
    packages: Mapping[str, str],
    patience: float,
    jobs: Sequence[Job],
) -> Generator[Answer, None, list[Kind]]:
    """Answers about as many kinds as the queue has room for; gives those that are left."""
    probes: dict[str, tuple[Kind, Path]] = {}
    left: list[Kind] = []
    with ExitStack() as held:
        held.callback(_withdraw, executor.scheduler, probes)
        for kind in kinds:
            folder = place / kind.key
            held.enter_context(exclusive_lock(folder))
            try:
                number = executor.submit_probe(Probe(folder, packages, kind.sources), kind.resources, jobs)
                probes[number] = (kind, folder)
            except QueueLimitError as error:
                left.append(kind)
                why = error.sentence
            except InputError as error:
                yield Answer(kind.key, f"{error.sentence.split(': change')[0]}: {_advice(error.sentence, kind)}", True)
        if not probes:
            for kind in left:
                yield Answer(kind.key, f"not examined: {why}", True)
            return []
        for number, (kind, folder) in probes.items():
            waited = _wait(executor, number, time.monotonic() + patience)
            if waited is None or waited.is_active:  # processes that wait for each other run on
                yield from _answers(executor, number, kind, folder, packages)
            else:
                yield _why_waiting(waited, kind, patience)
    return left


def _withdraw(scheduler: Scheduler, numbers: Iterable[str]) -> None:
    """Take what is still there out of the queue."""
    queued = {entry.id for entry in scheduler.queue()}
    scheduler.cancel(number for number in numbers if number in queued)


def _why_waiting(entry: Entry, kind: Kind, patience: float) -> Answer:
    if FOR_EVER.fullmatch(entry.reason):
        return Answer(kind.key, f"would wait for ever ({entry.reason}): {_advice(entry.reason, kind)}", True)
    return Answer(
        kind.key,
        f"{entry.state.lower()} ({entry.reason}) after {patience / 60:g} minutes and not examined: try again later, or "
        "with a larger --minutes",
        True,
    )


def _installed() -> dict[str, str]:
    """Versions of what the lock file names, as far as it is installed here."""
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", (REPOSITORY / LOCK_FILE).read_text(), re.MULTILINE)
    here = {distribution.name.lower(): distribution.version for distribution in metadata.distributions()}
    return {name: here[name.lower()] for name in names if name.lower() in here}


def _advice(reason: str, kind: Kind) -> str:
    reason = reason.replace(POLICY, "")
    setting = next(setting for words, setting in SETTINGS if re.search(words, reason, re.IGNORECASE))
    return f"change {setting.format(key=kind.key)}"


def _wait(executor: SlurmExecutor, number: str, end: float) -> Entry | None:
    """Until a probe has left the queue, which gives None; else why it is still there."""
    exact = time.monotonic() + SECONDS_TO_BE_EXACT
    while True:
        entry = next((entry for entry in executor.scheduler.queue() if entry.id == number), None)
        if entry is None or time.monotonic() > end:
            return entry
        if FOR_EVER.fullmatch(entry.reason) and (entry.reason != NOT_YET_EXACT or time.monotonic() > exact):
            return entry
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _answers(
    executor: SlurmExecutor, number: str, kind: Kind, folder: Path, packages: Mapping[str, str]
) -> Iterator[Answer]:
    ranks = [folder / f"rank{rank}.json" for rank in range(kind.resources.tasks)]
    end = time.monotonic() + SECONDS_TO_APPEAR
    while not all(path.exists() for path in ranks) and time.monotonic() < end:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    found = [json.loads(path.read_text()) for path in ranks if path.exists()]
    if not found:
        yield Answer(kind.key, _why_silent(executor.runs, number), True)
        return
    for node in (answers for answers in found if "node" in answers):
        yield from _of_node(node, kind, packages)
    troubles = [answers["group"] for answers in found if answers["group"]]
    if len(found) < len(ranks) or any(answers["group"] is None for answers in found):
        troubles.append(f"{len(found)} of {len(ranks)} processes began, and they did not all end")
    if troubles:
        text = f"the processes do not reach each other ({troubles[0]}): name their network in slurm.setup, such as "
        yield Answer(kind.key, f"{text}export NCCL_SOCKET_IFNAME=ib0 (without GPUs: GLOO_SOCKET_IFNAME)", True)
    elif len(ranks) > 1:
        yield Answer(kind.key, f"{len(ranks)} processes on {kind.resources.nodes} nodes reach each other")


def _why_silent(runs: Path, number: str) -> str:
    """Why a probe has ended without any answer, by what the scheduler left of it."""
    logs = [runs / LOGS / f"{number}_0_log.{name}" for name in ("err", "out")]
    if not any(path.exists() for path in logs):
        return f"a node does not see the folder {runs}, or cannot write there: name one that all share with --runs"
    lines = [line for path in logs if path.exists() for line in path.read_text(errors="replace").splitlines()]
    for words, sentence, advice in SILENCES:
        if said := next((line.strip() for line in lines if re.search(words, line)), None):
            return f"{sentence} ({said}): {advice}"
    return f"the job gave no answer ({(lines or ['nothing in its log'])[-1].strip()}): see {logs[0]}"


def _of_node(answers: Mapping[str, Any], kind: Kind, packages: Mapping[str, str]) -> Iterator[Answer]:
    about = f"{kind.key} on {answers['node']}"
    lacking = [name for name, version in answers["packages"].items() if version is None]
    others = [f"{name} {version}" for name, version in answers["packages"].items() if version != packages[name]]
    if lacking:
        yield Answer(about, f"Python lacks {', '.join(lacking)}: install requirements.lock there", True)
    elif others:
        yield Answer(about, f"has other versions than this machine: {', '.join(others)}")
    else:
        yield Answer(about, f"Python {answers['python']} with all packages; it sees the folder of runs")
    if answers["locks"]:
        yield Answer(about, answers["locks"], True)
    if answers["requeue"]:
        yield Answer(
            about,
            f"SLURM does not queue jobs again ({answers['requeue']}): give --wait, which submits them anew, or let "
            f"{kind.key}.hours cover a whole training",
            True,
        )
    yield from _about_gpus(about, answers["gpus"], kind)
    reached = "is reached" if answers["internet"] else "is not reached, and no job needs it"
    yield Answer(about, f"the internet {reached}")
    for key, rate in answers["sources"].items():
        yield _about_data(about, key, rate, kind)


def _about_gpus(about: str, gpus: Sequence[str], kind: Kind) -> Iterator[Answer]:
    expected = kind.resources.all_gpus // kind.resources.nodes
    if len(gpus) < expected:
        yield Answer(
            about,
            f"PyTorch sees {len(gpus)} of the {expected} GPUs: see its CUDA version, slurm.gres and {kind.key}.gpus",
            True,
        )
    elif expected:
        yield Answer(about, f"{len(gpus)} GPUs ({', '.join(sorted(set(gpus)))})")


def _about_data(about: str, key: str, rate: Mapping[str, float] | str, kind: Kind) -> Answer:
    if isinstance(rate, str):
        return Answer(about, f"{key}: {kind.sources[key]} cannot be read there ({rate}): change {key}", True)
    need = "" if kind.images is None else f"; its GPUs take {kind.images:,.0f} images a second"
    read = f"{rate['files']:,.0f} files and {rate['bytes'] / 1e6:,.0f} MB a second by one process"
    return Answer(about, f"{key}: {read}{need}")
