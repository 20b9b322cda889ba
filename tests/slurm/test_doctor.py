"""What `doctor` says of a site, with real SLURM daemons and planted faults: each is named in one sentence."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.resources import Resources
from slurm.cluster import SlurmExecutor
from slurm.config import SlurmConfig
from slurm.doctor import Answer, Kind, examine
from slurm.scheduler import Scheduler
from tests.execution.test_executor import toy
from tests.support.commands import command, environment
from tests.support.slurm_cluster import USER, Cluster, missing_programs, running, short_folder, wait_until

pytestmark = pytest.mark.slow  # each fault is planted in a cluster that runs

SETTINGS = """AccountingStorageEnforce=associations,limits,qos
PartitionName=short Nodes=ALL MaxTime=1
PartitionName=blind Nodes=127.0.0.4 MaxTime=INFINITE
"""
BLIND = 4  # the node that does not see a folder
PATIENCE = 600.0  # seconds, on a machine that others share


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing_programs())} not installed")
    with running(Cluster(short_folder(), settings=SETTINGS)) as cluster:
        cluster.ask("sacctmgr", "--immediate", "add", "account", "vision")
        cluster.ask("sacctmgr", "--immediate", "add", "user", USER, "account=vision")
        cluster.ask("sacctmgr", "--immediate", "add", "account", "few")
        cluster.ask("sacctmgr", "--immediate", "add", "user", USER, "account=few", "maxsubmitjobs=1")
        yield cluster


@pytest.fixture(scope="module")
def hidden(cluster, tmp_path_factory) -> Path:
    """A folder that one node does not see: it has another file system there."""
    folder = tmp_path_factory.mktemp("hidden")
    alone = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{folder}" && exec "$@"', "sh")
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("mounting a file system that one node alone sees takes root")
    cluster.lose_node(BLIND)
    cluster.start_node(BLIND, *alone)
    asked = ("sinfo", "--noheader", "--Node", "--partition=blind", "--format=%T")
    wait_until(lambda: cluster.ask(*asked).strip() == "idle", "the node is back")
    return folder


def at_start_of_python(folder: Path, program: str) -> dict:
    """A site where every process of a job begins with it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(program)
    return {"setup": [f"export PYTHONPATH=$PYTHONPATH:{folder}"]}


def answers(runs: Path, *, patience=PATIENCE, sources=None, site=None, **resources) -> list[Answer]:
    executor = SlurmExecutor(runs, SlurmConfig.model_validate(site or {}))
    kind = Kind("resources.pretrain", Resources(**resources), sources or {})
    return list(examine(executor, [kind], patience, [toy("any")]))


def faults(runs: Path, **site_and_resources) -> list[str]:
    return [answer.text for answer in answers(runs, **site_and_resources) if answer.is_fault]


def test_a_site_where_all_is_well(cluster, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "image").write_bytes(bytes(1000))
    found = answers(tmp_path / "runs", tasks=2, nodes=2, sources={"data.imagenet": str(data)})
    assert not [answer for answer in found if answer.is_fault]
    said = [answer.text for answer in found]
    assert "2 processes on 2 nodes reach each other" in said
    assert sum(text.startswith("data.imagenet: ") and "files and" in text for text in said) == 2  # on each node
    assert any(text.startswith("Python ") and "sees the folder of runs" in text for text in said)


@pytest.mark.parametrize(
    ("site", "resources", "setting"),
    [
        ({"sbatch": {"partition": "nowhere"}}, {}, "change slurm.sbatch.partition"),
        ({"sbatch": {"account": "nobody"}}, {}, "change slurm.sbatch.account"),
        ({"sbatch": {"qos": "nothing"}}, {}, "change slurm.sbatch.qos"),
        ({"sbatch": {"partition": "short"}}, {"hours": 2}, "change resources.pretrain.hours"),
        ({}, {"tasks": 5, "nodes": 5}, "change resources.pretrain.nodes"),
        ({}, {"cpus": 64}, "change resources.pretrain (hours, nodes, tasks, cpus, gpus, memory)"),
        ({"sbatch": {"gpus-per-node": 9}}, {"gpus": 1}, "change resources.pretrain (nodes, tasks, cpus, gpus, memory)"),
    ],
)
def test_what_the_scheduler_would_never_run(cluster, tmp_path, site, resources, setting):
    (fault,) = faults(tmp_path, site=site, **resources)
    assert fault.endswith(setting), fault
    cluster.ask("scancel", "--me")


NO_LOCKS = """import errno, fcntl, os
def refuse(*_): raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = refuse"""
OWN_LOCKS = "import fcntl\nfcntl.flock = lambda *_: None"


@pytest.mark.parametrize(("says", "sentence"), [(NO_LOCKS, "has no locks"), (OWN_LOCKS, "are not seen by another")])
def test_locks_that_nodes_do_not_have_or_share(cluster, tmp_path, says, sentence):
    """Python's locks there do what those of such a file system do: nothing here can be mounted without them."""
    site = at_start_of_python(tmp_path / "node", says)
    (fault,) = faults(tmp_path / "runs", site=site)
    assert sentence in fault


@pytest.mark.parametrize(
    ("site", "resources", "sentence"),
    [
        ({"python": "/nowhere/python"}, {}, "Python does not start on a node"),
        ({"python": f"{sys.executable} -S"}, {}, "Python on a node lacks a package"),
        ({"setup": ["scontrol update JobId=$SLURM_JOB_ID Requeue=0"]}, {}, "SLURM does not queue jobs again"),
        ({}, {"tasks": 2, "gpus": 1}, "PyTorch sees 0 of the 2 GPUs"),  # pretend ones
        (
            {"setup": ["export GLOO_SOCKET_IFNAME=nowhere0"]},
            {"tasks": 2, "nodes": 2},
            "the processes do not reach each other",
        ),
    ],
)
def test_what_is_wrong_on_a_node(cluster, tmp_path, site, resources, sentence):
    (fault,) = faults(tmp_path, site=site, **resources)
    assert fault.startswith(sentence), fault


SECOND_HANGS = """import os, time
if os.environ.get("SLURM_PROCID") == "1": time.sleep(900)"""


def test_processes_that_wait_for_each_other(cluster, tmp_path):
    """As behind a firewall that drops what one node sends to another: no error, and no end."""
    site = at_start_of_python(tmp_path / "node", SECOND_HANGS)
    (fault,) = faults(tmp_path / "runs", patience=120.0, site=site, tasks=2, nodes=2)
    assert fault.startswith("the processes do not reach each other (1 of 2 processes began"), fault
    wait_until(lambda: not Scheduler(None).queue(), "the probe is withdrawn")


def test_a_queue_with_room_for_one_probe(cluster, tmp_path):
    executor = SlurmExecutor(tmp_path, SlurmConfig(sbatch={"account": "few"}))
    kinds = [Kind(f"resources.{name}", Resources(), {}) for name in ("pretrain", "evaluate")]
    found = list(examine(executor, kinds, PATIENCE, [toy("any")]))
    assert not [answer for answer in found if answer.is_fault]
    assert {answer.about.split()[0] for answer in found} >= {kind.key for kind in kinds}


def test_runs_that_a_node_does_not_see(cluster, hidden):
    (fault,) = faults(hidden / "runs", site={"sbatch": {"partition": "blind"}})
    assert fault.startswith(f"a node does not see the folder {hidden / 'runs'}")


def test_data_that_a_node_does_not_see(cluster, hidden, tmp_path):
    (hidden / "imagenet").mkdir()
    sources = {"data.imagenet": str(hidden / "imagenet")}
    (fault,) = faults(tmp_path, site={"sbatch": {"partition": "blind"}}, sources=sources)
    assert fault.startswith(f"data.imagenet: {hidden / 'imagenet'} cannot be read there (No such file")
    assert fault.endswith(": change data.imagenet")


def test_a_cluster_without_accounting(tmp_path):
    if missing_programs():
        pytest.skip(f"no SLURM on this machine: {', '.join(missing_programs())} not installed")
    with running(Cluster(short_folder(), accounting=False)):
        found = answers(tmp_path)
    (accounting,) = (answer for answer in found if answer.about == "accounting")
    assert accounting.text.startswith("does not answer") and not any(answer.is_fault for answer in found)


def test_the_command(cluster, tmp_path):
    line = command(tmp_path, "--only", "miniature")
    line.insert(2, "doctor")
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ok    scheduler: " in run.stdout and run.stdout.endswith("No faults.\n")
    site = tmp_path / "site.yaml"
    site.write_text("slurm: {sbatch: {partition: nowhere}}\n")
    run = subprocess.run([*line, "--site", str(site)], capture_output=True, text=True, env=environment())
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAULT resources.miniature: " in run.stdout and run.stdout.endswith("1 fault.\n")


def test_a_machine_without_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    line = command(tmp_path)
    line.insert(2, "doctor")
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    assert run.returncode == 2
    assert run.stderr.startswith("error: There is no sinfo on this machine") and run.stderr.count("\n") == 1
