"""The command against real SLURM daemons: graph, status, preemption, time limits, cancelled jobs, lost machines."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import InputError
from core.workspace import PARTS_FOLDER, read_progress
from slurm.cluster import SlurmExecutor
from slurm.config import SlurmConfig
from slurm.scheduler import Scheduler
from slurm.states import State, read_states
from slurm.submissions import code_of_queued, queued_jobs
from tests.execution.test_executor import toy
from tests.support import REPOSITORY
from tests.support.checkouts import copied_checkout, git
from tests.support.commands import command, environment, records, run_all
from tests.support.slurm_cluster import Cluster, missing_programs, running, short_folder, wait_until

SLURM = ("--cluster", "slurm")
ONE_BRANCH = ("--only", "accuracy-imagenet", "--methods", "mopro")
TWO_BRANCHES = ("--only", "accuracy-imagenet", "--methods", "ce", "mopro")
EVERY_KIND = ("--methods", "ce", "mopro", "random")
DISTRIBUTED = {
    "resources__pretrain__tasks": "4",
    "resources__pretrain__nodes": "2",
    "slurm__parallel": "3",
}
LONGER = {"pretrain__schedule__epochs": "26", "pretrain__schedule__decay_at": "[18]"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing_programs())} not installed")
    with running(Cluster(short_folder())) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def miniature(tmp_path_factory) -> Path:
    """A runs folder in which the images are built, and nothing else is."""
    runs = tmp_path_factory.mktemp("built")
    assert run_all(runs, "--only", "miniature").returncode == 0
    shutil.rmtree(runs / "mini/tables")
    return runs


@pytest.fixture
def runs(miniature, tmp_path) -> Path:
    return shutil.copytree(miniature, tmp_path / "runs")


@pytest.fixture(scope="module")
def undisturbed(miniature, tmp_path_factory) -> dict:
    """Records of a longer pretraining that nothing interrupts, in as many processes, on this machine."""
    runs = shutil.copytree(miniature, tmp_path_factory.mktemp("undisturbed") / "runs")
    run = run_all(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    assert run.returncode == 0, run.stderr
    return records(runs)


def submit(runs: Path, *arguments: str, **changes: str) -> None:
    run = run_all(runs, *SLURM, *arguments, **changes)
    assert run.returncode == 0, run.stdout + run.stderr


def finish(runs: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    return run_all(runs, *SLURM, "--wait", *arguments, **changes)


def status(runs: Path, *arguments: str, **changes: str) -> dict[str, dict]:
    """What `status --json` says, by the job's kind and method."""
    line = command(runs, *arguments, "--json", **changes)
    line.insert(2, "status")
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    return {"/".join(job["job"].split("/")[:2]): job for job in json.loads(run.stdout)}


def is_training(runs: Path, *arguments: str, **changes: str) -> Callable[[], bool]:
    """Whether the pretraining has come to its second epoch and is far from its end."""

    def look() -> bool:
        progress = [json.loads(path.read_text()) for path in runs.glob("mini/pretrain/*/*/*/progress.json")]
        assert all(found["done"] < found["total"] for found in progress), "it was not interrupted"
        return any(found["done"] > 10 for found in progress)

    return look


def attempts(runs: Path) -> int:
    (log,) = runs.glob("mini/pretrain/mopro/*/*/log.txt")
    return log.read_text().count("\n---") + 1


def job_numbers(cluster: Cluster, runs: Path) -> list[str]:
    return [path.name for path in runs.glob("mini/slurm/*_submission.sh")]


def tables(runs: Path) -> dict[str, str]:
    """All tables without the last line of each, which names the run."""
    return {path.name: path.read_text() for path in sorted((runs / "mini/tables").glob("*.csv"))}


def test_an_edited_record_holds_back_what_needs_it_and_nothing_else(cluster, runs):
    """Nothing is submitted here: the edited record is of what all others need."""
    (path,) = runs.glob("mini/miniature/*/record.json")
    edited = path.read_text().replace('"n": 1,', '"n": 2,')
    path.write_text(edited)
    run = run_all(runs, *SLURM, *ONE_BRANCH)
    assert run.returncode == 2
    assert f"error: miniature/seed0: The record {path} was edited after it was written" in run.stderr
    assert "needs miniature/seed0, which is held back" in run.stderr
    assert {job["state"] for job in status(runs, *ONE_BRANCH).values()} == {State.HELD_BACK}
    assert path.read_text() == edited
    assert not job_numbers(cluster, runs)


def test_the_miniature_gives_the_tables_of_a_local_run(cluster, miniature, runs, tmp_path):
    local = shutil.copytree(miniature, tmp_path / "local")
    assert run_all(local, *EVERY_KIND, **DISTRIBUTED).returncode == 0
    run = finish(runs, *EVERY_KIND, **DISTRIBUTED)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "## The claims, tested" in run.stdout
    assert tables(runs) == tables(local)
    assert {job["state"] for job in status(runs, *EVERY_KIND, **DISTRIBUTED).values()} == {State.DONE}
    of_pretraining = [record for name, record in records(runs).items() if "/pretrain/" in name]
    assert {record["hardware"]["tasks"] for record in of_pretraining} == {4}


def test_the_last_job_writes_the_tables(cluster, runs):
    submit(runs, *ONE_BRANCH)
    wait_until((runs / "mini/tables/accuracy.md").exists, "the tables are written", 120)
    assert len(records(runs)) == 3


def test_a_users_method_gives_the_same_figures_as_on_this_machine(cluster, runs, miniature, tmp_path):
    """Early-learning regularisation on two nodes, where an image's target is moved by another process every epoch."""
    own = {"methods__elr": f"{{objective: '{REPOSITORY}/examples/early_learning.py:EarlyLearning'}}"} | DISTRIBUTED
    arguments = ("--only", "accuracy-imagenet", "--methods", "elr")
    run = finish(runs, *arguments, **own)
    assert run.returncode == 0, run.stdout + run.stderr
    here = shutil.copytree(miniature, tmp_path / "here")
    assert run_all(here, *arguments, **own).returncode == 0
    assert records(runs) == records(here)


def test_a_preempted_pretraining_goes_on_to_the_same_figures(cluster, runs, undisturbed):
    submit(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    wait_until(is_training(runs), "the pretraining is on its way", 120)
    cluster.ask("sbatch", "--partition=urgent", "--nodes=4", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")
    run = finish(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    assert run.returncode == 0, run.stdout + run.stderr
    (log,) = runs.glob("mini/pretrain/mopro/*/*/log.txt")
    assert "stopped on request" in log.read_text() and attempts(runs) == 2
    assert records(runs) == undisturbed


@pytest.mark.slow
def test_a_twice_preempted_evaluation_goes_on_to_the_same_figures(cluster, runs, tmp_path):
    """Many draws of low-shot SVMs; what one start has fitted, no other fits again."""
    arguments, draws = ("--only", "lowshot-voc07", "--methods", "ce"), {"evaluate__lowshot_voc07__draws": "1000"}
    local = shutil.copytree(runs, tmp_path / "local")
    assert run_all(local, *arguments, **draws).returncode == 0

    def is_fitting(start: int) -> bool:
        """Whether draws are fitted, in that start of the job."""
        noted = [json.loads(path.read_text())["starts"] for path in runs.glob("mini/lowshot-voc07/*/*/*/starts.json")]
        if not noted or len(noted[0]) < start:
            return False
        (folder,) = runs.glob("mini/lowshot-voc07/*/*/*/")
        progress = read_progress(folder)
        assert progress.get("done") != 2000, "it was not interrupted"
        return progress.get("unit") == "draws"

    submit(runs, *arguments, **draws)
    for start in (1, 2):
        wait_until(lambda start=start: is_fitting(start), "draws are fitted", 240)
        cluster.ask("sbatch", "--partition=urgent", "--nodes=4", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")
    run = finish(runs, *arguments, **draws)
    assert run.returncode == 0, run.stdout + run.stderr
    (log,) = runs.glob("mini/lowshot-voc07/*/*/*/log.txt")
    assert log.read_text().count("stopped on request") == 2 and not (log.parent / PARTS_FOLDER).exists()
    assert records(runs) == records(local)


def test_a_pretraining_outlasts_its_time_limit(cluster, runs, tmp_path):
    """A limit of one minute, of which most is left when the signal may come: SLURM looks twice a minute."""
    longest = {"pretrain__schedule__epochs": "100", "pretrain__schedule__decay_at": "[70]"}
    limited = {"resources__pretrain__hours": "0.01", "slurm__warning": "45", "slurm__timeouts": "100"}
    reference = shutil.copytree(runs, tmp_path / "reference")
    assert run_all(reference, *ONE_BRANCH, **longest).returncode == 0
    run = finish(runs, *ONE_BRANCH, **longest, **limited)
    assert run.returncode == 0, run.stdout + run.stderr
    assert attempts(runs) > 1 and "FAILED" not in run.stdout
    assert records(runs) == records(reference)


def test_a_warning_that_comes_when_all_is_done_changes_nothing(cluster, tmp_path):
    """SLURM warns of the time limit whenever it looks, so also in the moment between the record and the end."""
    first = toy("first", "be_warned_at_the_end")
    second = toy("second", needs=[first])
    SlurmExecutor(tmp_path, SlurmConfig()).submit([first, second])
    wait_until(lambda: not Scheduler(None).queue(), "both have ended", 120)
    assert [state.state for state in read_states([first, second], tmp_path, {}, Scheduler(None))] == [
        State.DONE,
        State.DONE,
    ]


def test_a_cancelled_pretraining_takes_its_branch_with_it_and_the_command_repairs_it(cluster, runs):
    submit(runs, *TWO_BRANCHES, **LONGER)
    wait_until(is_training(runs), "a pretraining is on its way", 120)
    before = status(runs, *TWO_BRANCHES, **LONGER)
    assert before["pretrain/ce"]["state"] == State.RUNNING
    cluster.ask("scancel", before["pretrain/ce"]["id"])
    wait_until(lambda: len(records(runs)) == 3, "the other branch is done", 120)
    after = status(runs, *TWO_BRANCHES, **LONGER)
    assert after["pretrain/ce"]["state"] == State.CANCELLED
    assert after["accuracy-imagenet/ce"]["state"] == State.CANCELLED
    assert "pretrain/ce" in after["accuracy-imagenet/ce"]["detail"]
    assert after["accuracy-imagenet/mopro"]["state"] == State.DONE
    run = finish(runs, *TWO_BRANCHES, **LONGER)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(records(runs)) == 5


def test_a_lost_machine(cluster, runs, undisturbed):
    submit(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    wait_until(is_training(runs), "the pretraining is on its way", 120)
    (identity,) = (
        job["id"] for name, job in status(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED).items() if "pre" in name
    )
    nodes = cluster.ask("squeue", "--noheader", f"--job={identity}", "--format=%N")
    number = int(nodes.strip().replace("[", "").replace("]", "").split(".")[-1].split("-")[0].split(",")[0])
    cluster.lose_node(number)
    run = finish(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    cluster.start_node(number)
    if run.returncode:  # on the first machine of a job its batch script dies too: SLURM may call that a failure
        run = finish(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    assert run.returncode == 0, run.stdout + run.stderr
    assert attempts(runs) == 2
    assert records(runs) == undisturbed


def test_a_killed_process_resumes_with_the_next_submission(cluster, runs, undisturbed):
    submit(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    wait_until(is_training(runs), "the pretraining is on its way", 120)
    for process in cluster.processes_of_jobs():
        if b"SLURM_PROCID=3" in Path(f"/proc/{process}/environ").read_bytes():
            os.kill(process, signal.SIGKILL)

    def state() -> dict:
        return status(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)["pretrain/mopro"]

    wait_until(lambda: state()["state"] == State.FAILED, "the job has failed", 120)
    assert state()["log"].endswith("log.txt")
    run = finish(runs, *ONE_BRANCH, **LONGER, **DISTRIBUTED)
    assert run.returncode == 0, run.stdout + run.stderr
    assert records(runs) == undisturbed


def test_a_controller_that_is_down(cluster, runs):
    cluster.stop_controller()
    try:
        run = run_all(runs, *SLURM, *ONE_BRANCH)
    finally:
        cluster.start_controller()
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("error: SLURM does not answer")
    assert not list(runs.glob("mini/slurm/*"))
    submit(runs, *ONE_BRANCH)
    submit(runs, *ONE_BRANCH)
    assert len(job_numbers(cluster, runs)) == 3  # pretraining, accuracy, tables


def test_two_commands_at_once_submit_every_job_once(cluster, runs):
    lines = [command(runs, *SLURM, *TWO_BRANCHES) for _ in range(2)]
    started = [subprocess.Popen(line, env=environment(), stdout=-1, stderr=-1, text=True) for line in lines]
    for process in started:
        _, stderr = process.communicate()
        assert process.returncode == 0 or "Another process is at work" in stderr
    notes = [json.loads(path.read_text()) for path in runs.glob("mini/slurm/submission-*.json")]
    submitted = [identity for note in notes for identity in note["identities"]]
    assert len(submitted) == len(set(submitted)) == 4
    assert finish(runs, *TWO_BRANCHES).returncode == 0


def test_cancel(cluster, runs):
    submit(runs, *TWO_BRANCHES, **LONGER)
    line = command(runs, "--only", "pretrain", "--methods", "ce", **LONGER)
    line.insert(2, "cancel")
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    assert run.returncode == 0, run.stderr
    assert "cancelled pretrain/ce/" in run.stdout and "cancelled accuracy-imagenet/ce/" in run.stdout
    assert run.stdout.endswith("2 jobs cancelled.\n")
    wait_until(lambda: status(runs, *TWO_BRANCHES, **LONGER)["pretrain/ce"]["state"] == State.CANCELLED, "it is gone")
    cluster.ask("scancel", "--me")


def test_a_refused_job_leaves_no_trace(cluster, runs):
    run = run_all(runs, *SLURM, *ONE_BRANCH, slurm__sbatch__partition="nowhere")
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert "SLURM refuses pretrain/mopro" in line and "partition" in line
    assert not list(runs.glob("mini/slurm/*"))


def test_status_without_accounting(cluster, runs, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    for program in ("squeue", "sbatch", "srun", "scancel", "git"):
        found = shutil.which(program)
        assert found
        (tmp_path / "bin" / program).symlink_to(found)
    submit(runs, *ONE_BRANCH, **LONGER)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert status(runs, *ONE_BRANCH, **LONGER)["pretrain/mopro"]["state"] in (State.PENDING, State.RUNNING)
    subprocess.run(["scancel", "--me"], check=True)
    wait_until(lambda: status(runs, *ONE_BRANCH, **LONGER)["accuracy-imagenet/mopro"]["state"] == State.CANCELLED, "so")


def test_a_machine_without_slurm(runs, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    run = run_all(runs, *SLURM, *ONE_BRANCH)
    assert run.returncode == 2
    assert run.stderr.startswith("error: There is no squeue on this machine") and run.stderr.count("\n") == 1
    assert status(runs, *ONE_BRANCH)["pretrain/mopro"]["state"] == State.NOT_STARTED


def test_odd_folders_and_an_allocation_around_the_command(cluster, tmp_path):
    """Checkout and runs have spaces and quotes in their paths; nothing around reaches scheduler or job."""
    checkout, runs = tmp_path / "o'check out", tmp_path / 'ru "n" $s; é'
    for package in ("core", "results", "execution", "slurm", "tests"):
        shutil.copytree(REPOSITORY / package, checkout / package)
    program = """
import sys
from pathlib import Path
from slurm.cluster import SlurmExecutor
from slurm.config import SlurmConfig
from tests.execution.test_executor import toy
SlurmExecutor(Path(sys.argv[1]), SlurmConfig()).submit([toy("shown", "show_environment")])
"""
    inside = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_MEM_PER_CPU": "3000", "SLURM_CPU_BIND": "mask_cpu:0x1"}
    wrong = {"SBATCH_PARTITION": "nowhere", "SQUEUE_PARTITION": "nowhere", "PMI_RANK": "3", "SLURM_EXPORT_ENV": "NONE"}
    around = environment() | inside | wrong
    line = [sys.executable, "-c", program, str(runs)]
    run = subprocess.run(line, cwd=checkout, env=around, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "SBATCH_PARTITION of the environment do not reach the jobs" in run.stderr
    wait_until(lambda: list(runs.glob("shown-*/record.json")), "the job is done", 120)
    (shown,) = runs.glob("shown-*/environment.json")
    of_job = json.loads(shown.read_text())
    assert of_job["SLURM_CONF"] == os.environ["SLURM_CONF"] and of_job["SLURM_NTASKS"] == "1"
    assert not {"SBATCH_PARTITION", "SQUEUE_PARTITION", "PMI_RANK"} & of_job.keys()
    assert all(of_job.get(name) != value for name, value in inside.items())
    assert of_job["PYTHONPATH"].startswith(str(runs / "code"))


@pytest.mark.parametrize("name", ("100%j", "a\nb", "back\\slash", "co:lon"))
def test_runs_that_slurm_would_take_for_others(tmp_path, name):
    """In the names of files, SLURM replaces what follows a per cent sign."""
    with pytest.raises(InputError, match=r"cannot be given the path .* name another one \(--runs"):
        SlurmExecutor(tmp_path / name, SlurmConfig()).submit([])


WAITING = """
def add(config, workspace):
    import os, time
    (workspace.folder / f"begun-{{os.environ.get('SLURM_RESTART_COUNT', 0)}}").touch()
    while not (workspace.folder / "go").exists():
        time.sleep(0.05)
    return {{"sum": {{"value": {value}, "unit": "", "n": 1}}}}
"""
SUBMIT = """
import sys
from pathlib import Path
from slurm.cluster import SlurmExecutor
from slurm.config import SlurmConfig
from tests.execution.test_executor import toy
first = toy("first")
SlurmExecutor(Path(sys.argv[1]), SlurmConfig()).submit([first, toy("second", needs=[first])])
"""


def submitted_from(checkout: Path, runs: Path, value: int) -> None:
    """Two jobs, one after the other, of a checkout whose stage gives that value; the first has begun."""
    (checkout / "tests/support/toy_stages.py").write_text(WAITING.format(value=value))
    git(checkout, "commit", "--quiet", "--all", f"--message={value}")
    line = [sys.executable, "-c", SUBMIT, str(runs)]
    run = subprocess.run(line, cwd=checkout, env=environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    wait_until(lambda: list(runs.glob("first-*/begun-0")), "the first has begun", 120)


def test_a_job_that_is_requeued_after_a_commit_runs_as_it_was_submitted(cluster, tmp_path):
    checkout, runs = copied_checkout(tmp_path / "checkout"), tmp_path / "runs"
    submitted_from(checkout, runs, 1)
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "tests/support/toy_stages.py").write_text(WAITING.format(value=2))
    git(checkout, "commit", "--quiet", "--all", "--message=edited")
    (entry,) = (entry for entry in Scheduler(None).queue() if entry.is_active)
    cluster.ask("scontrol", "requeue", entry.id)
    wait_until(lambda: list(runs.glob("first-*/begun-1")), "it has begun again", 120)
    for job in (toy("first"), toy("second", needs=[toy("first")])):
        job.folder(runs).mkdir(exist_ok=True)
        (job.folder(runs) / "go").touch()
    wait_until(lambda: len(list(runs.glob("*/record.json"))) == 2, "both are done", 120)
    for path in runs.glob("*/record.json"):
        record = json.loads(path.read_text())
        assert record["metrics"]["sum"]["value"] == 1
        ((code,), starts) = record["code"], record["cost"]["starts"]
        assert (code["commit"], code["differs"]) == (commit, False)
        assert len(starts) == (2 if record["name"] == "first" else 1)
        assert {start["scheduler_id"].isdigit() for start in starts} == {True}


def test_a_job_whose_code_is_gone_says_so(cluster, tmp_path):
    checkout, runs = copied_checkout(tmp_path / "checkout"), tmp_path / "runs"
    submitted_from(checkout, runs, 1)
    (code,) = (runs / "code").iterdir()
    (entry,) = (entry for entry in Scheduler(None).queue() if entry.is_active)
    shutil.rmtree(code)
    cluster.ask("scontrol", "requeue", entry.id)
    wait_until(
        lambda: not [entry for entry in Scheduler(None).queue() if entry.can_run], "nothing is left that can run", 120
    )
    (state,) = read_states([toy("first")], runs, {}, Scheduler(None))
    assert state.state is State.FAILED
    assert state.detail.startswith(
        f"The folder {code} with the code of this job is not there: restore it from a backup"
    )
    cluster.ask("scancel", "--me")


def test_jobs_that_wait_with_other_code_are_submitted_anew_where_that_was_decided(cluster, tmp_path):
    checkout, runs = copied_checkout(tmp_path / "checkout"), tmp_path / "runs"
    submitted_from(checkout, runs, 1)
    before = queued_jobs(Scheduler(None).queue(), runs)
    first, second = toy("first"), toy("second", needs=[toy("first")])
    submitted_from(checkout, runs, 2)
    entries = Scheduler(None).queue()
    after = queued_jobs(entries, runs)
    assert after[first.identity].id == before[first.identity].id
    assert after[second.identity].id != before[second.identity].id
    assert len(set(code_of_queued(entries, runs).values())) == 2
    cluster.ask("scancel", "--me")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_papers_whole_graph(cluster, miniature):
    """Every job of the paper's profile on eight pretend GPUs, with small images, few of them, and a few steps each."""
    (world,) = miniature.glob("mini/miniature/seed0-*")
    runs = miniature.parent / "paper"
    arguments = [part for key, value in papers_graph_in_small(world).items() for part in ("--set", f"{key}={value}")]
    line = [sys.executable, str(REPOSITORY / "run_all.py"), "--profile", "paper", *arguments, "--runs", str(runs)]
    plan = subprocess.run([*line, "--dry-run"], capture_output=True, text=True, env=environment())
    assert plan.returncode == 0, plan.stderr
    assert "GPU-hours to do." in plan.stdout and not runs.exists()
    run = subprocess.run([*line, *SLURM, "--wait"], capture_output=True, text=True, env=environment())
    assert run.returncode == 0, run.stdout + run.stderr
    jobs = json.loads((runs / "paper/plan.json").read_text())["jobs"]
    assert len(records(runs)) == len(jobs) > 70
    tables = {path.stem: path.read_text() for path in (runs / "paper/tables").glob("*.md")}
    assert tables.keys() == {"accuracy", "lowshot", "finetune", "robustness", "coco"}
    for name, table in tables.items():
        ours = [line for line in table.splitlines() if line.startswith("| MoPro ") and "published only" not in line]
        ours = [line for line in ours if not any(f" k={k} " in line for k in (4, 8, 16))]  # more shots than images
        assert ours and not any("not run" in line for line in ours), name
    of_pretraining = [record for name, record in records(runs).items() if "/pretrain/" in name]
    assert {record["hardware"]["tasks"] for record in of_pretraining} == {8}


def papers_graph_in_small(world: Path) -> dict[str, str]:
    """What is changed in the paper's profile: sizes, numbers of steps, folders; no job is left out."""
    sets = {f"data.webvision.webvision-{name}": str(world / "webvision") for name in ("v05", "v1", "v2")}
    short = {"epochs": "2", "batch_size": "16", "decay_at": "[1]"}
    schedules = ("pretrain.schedule", "evaluate.retrain.schedule")
    views = ("accuracy", "lowshot_voc07", "lowshot_places205", "robustness", "finetune")
    return {
        **{f"{name}.folder": folder for name, folder in sets.items()},
        **{f"{name}.classes": "10" for name in sets},
        "data.webvision.webvision-v05.subset.images": "100",
        "data.imagenet": str(world / "imagenet"),
        "data.voc07": str(world / "VOCdevkit"),
        "data.places205": f"{{folder: {world / 'places205'}, classes: 12}}",
        "data.titles.places205": "Places of 12 kinds",
        "data.imagenet_r": f"{{folder: {world / 'imagenet-r'}, classes: 8}}",
        "data.imagenet_a": f"{{folder: {world / 'imagenet-r'}, classes: 8}}",
        "data.coco": f"{{folder: {world / 'coco'}, classes: 10}}",
        "methods.mopro.queue_size": "64",
        "methods.mopro.correction_from_epoch": "1",
        "methods.mopro.keep_above": "0",  # so little training may find that all is out of distribution
        "pretrain.backbone": "{depth: 18, width: 16, stem: small}",
        "pretrain.views.size": "28",
        "pretrain.runtime.workers": "0",
        **{f"{schedule}.{key}": value for schedule in schedules for key, value in short.items()},
        **{f"evaluate.{view}.view": "{resize: 32, crop: 28}" for view in views},
        "evaluate.workers": "0",
        "evaluate.lowshot_voc07.shots": "[1, 2]",
        "evaluate.lowshot_places205.shots": "[1, 2]",
        "evaluate.finetune.classes": "10",
        "evaluate.finetune.views.size": "28",
        "evaluate.finetune.schedule.epochs": "1",
        "evaluate.finetune.schedule.batch_size": "2",
        "evaluate.finetune.schedule.decay_at": "[]",
        "evaluate.finetune.runtime.workers": "0",
        "evaluate.detection.batch_size": "2",
        "evaluate.detection.scale_learning_rate": "true",
        "evaluate.detection.warmup": "1",
        "evaluate.detection.short_sides": "[64]",
        "evaluate.detection.short_side": "64",
        "evaluate.detection.long_side": "80",
        "evaluate.detection.precise_batch_norm": "1",
        "evaluate.detection.runtime.workers": "0",
        "evaluate.detection.schedules": "{1x: {iterations: 2, decay_at: [1]}, 2x: {iterations: 3, decay_at: [2]}}",
        "resources.pretrain": "{tasks: 8, gpus: 1, cpus: 1, hours: 0.2}",
        "resources.retrain": "{tasks: 2, gpus: 1, cpus: 1, hours: 0.2}",
        "resources.finetune": "{tasks: 2, gpus: 1, cpus: 1, hours: 0.2}",
        "resources.detection": "{tasks: 1, gpus: 1, cpus: 1, hours: 0.2}",
        "resources.evaluate": "{tasks: 1, gpus: 1, cpus: 1, hours: 0.2}",
        "slurm.parallel": "2",
    }
