"""A real SLURM of four virtual nodes with eight pretend GPUs each, on the loopback interface of this machine.

Every daemon runs in the foreground below one folder, without systemd or root, and is stopped by its process. Nodes are
called 127.0.0.1 to 127.0.0.4, names that every resolver knows, so that the processes of a job find each other.
"""

import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NODES, GPUS = 4, 8
ADDRESS = "127.0.0.1"
USER = getpass.getuser()
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
PROGRAMS = (
    "slurmctld",
    "slurmd",
    "slurmstepd",
    "slurmdbd",
    "mariadbd",
    "sbatch",
    "srun",
    "squeue",
    "sacct",
    "sacctmgr",
)


def missing_programs() -> list[str]:
    """What has to be installed first; on Debian: slurmctld slurmd slurm-client slurmdbd mariadb-server-core."""
    return [name for name in PROGRAMS if not shutil.which(name, path=SEARCH)]


class Cluster:
    """The daemons of one cluster.

    Args:
        folder: a short path, as it holds sockets.
        name: by which other clusters of the same accounting know it.
        shares: the started cluster whose accounting it has; None for one of its own.
        accounting: whether it has any.
        settings: further lines of slurm.conf.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "test",
        shares: "Cluster | None" = None,
        accounting: bool = True,
        settings: str = "",
    ) -> None:
        self.folder = folder
        self.name = name
        self.settings = settings
        self.has_daemon_of_accounting = accounting and shares is None
        self.conf = folder / "slurm.conf"
        self.port = _ports(NODES + 2)
        self.port_of_accounting = (shares.port_of_accounting if shares else self.port + 1) if accounting else None
        self.daemons: dict[str, subprocess.Popen] = {}
        for name in ("state", "spool", "database", "devices", "logs"):
            (folder / name).mkdir()

    def environment(self) -> dict[str, str]:
        """For commands that talk to this cluster."""
        outer = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH", "SRUN"))}
        database = {"MYSQL_UNIX_PORT": str(self.folder / "database.sock")}
        return {**outer, **database, "PATH": SEARCH, "SLURM_CONF": str(self.conf)}

    def start(self) -> None:
        self._configure()
        if self.has_daemon_of_accounting:
            self._start_accounting()
        if self.port_of_accounting:
            self.ask("sacctmgr", "--immediate", "add", "cluster", self.name)
        self.start_controller()
        for node in range(1, NODES + 1):
            self.start_node(node)
        wait_until(self._is_idle, "all nodes are idle")

    def _start_accounting(self) -> None:
        database = self.folder / "database.sock"
        server = (
            *("mariadbd", "--no-defaults", f"--datadir={self.folder}/database", f"--socket={database}"),
            *(f"--user={USER}", "--skip-networking", "--skip-grant-tables", f"--pid-file={self.folder}/mariadbd.pid"),
            *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"),
            *("--innodb-lock-wait-timeout=900", "--performance-schema=OFF"),
        )
        # Without its own tables a database keeps no procedures, and what an account inherits reads as zero.
        tables = Path("/usr/share/mysql/mysql_system_tables.sql").read_text()
        self.ask(*server, "--bootstrap", text=f"CREATE DATABASE mysql;\nUSE mysql;\n{tables}")
        self._start("mariadbd", *server)
        wait_until(database.is_socket, "the database answers")
        self._start("slurmdbd", "slurmdbd", "-D")
        wait_until(lambda: _listens(self.port + 1), "slurmdbd listens")

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D")
        wait_until(lambda: _listens(self.port), "slurmctld listens")

    def stop_controller(self) -> None:
        self._stop("slurmctld")

    def start_node(self, number: int, *around: str) -> None:
        """Start its daemon, through another program if one is named."""
        self._start(f"node{number}", *around, "slurmd", "-D", "-N", f"127.0.0.{number}")
        wait_until(lambda: _listens(self.port + 1 + number), f"slurmd of node {number} listens")

    def lose_node(self, number: int) -> None:
        """What a power failure does: the daemon and every process of jobs on that node are gone at once."""
        self._stop(f"node{number}", signal.SIGKILL)
        for process in self.processes_of_jobs():
            with suppress(OSError):
                of_node = f"SLURMD_NODENAME=127.0.0.{number}".encode()
                if of_node in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                    os.kill(process, signal.SIGKILL)

    @contextmanager
    def starting_nothing(self) -> Iterator[None]:
        """Jobs wait for the length of the block."""
        change = ("scontrol", "update", "PartitionName=test")
        self.ask(*change, "State=DOWN")
        try:
            yield
        finally:
            self.ask(*change, "State=UP")

    def ask(self, *command: str, text: str = "") -> str:
        """What a program says, of this cluster or to a text."""
        done = subprocess.run(command, env=self.environment(), input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> None:
        """End the jobs, then the daemons."""
        with suppress(AssertionError):
            self.ask("scancel", "--me")
        for name in [name for name in self.daemons if name.startswith("node")] + ["slurmctld", "slurmdbd", "mariadbd"]:
            if name in self.daemons:
                self._stop(name)
        for process in self.processes_of_jobs():
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)

    def processes_of_jobs(self) -> list[int]:
        """Of all nodes, those of SLURM that watch over them included."""
        of_cluster = f"SLURM_CONF={self.conf}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and of_cluster in (entry / "environ").read_bytes().split(b"\0"):
                    variables = (entry / "environ").read_bytes()
                    is_job = b"SLURM_JOB_ID=" in variables or b"slurmstepd" in (entry / "cmdline").read_bytes()
                    if is_job and int(entry.name) != os.getpid():
                        found.append(int(entry.name))
        return found

    def _is_idle(self) -> bool:
        states = self.ask("sinfo", "--noheader", "--Node", "--partition=test", "--format=%T").split()
        return states == ["idle"] * NODES

    def _start(self, name: str, program: str, *arguments: str) -> None:
        executable = shutil.which(program, path=SEARCH)
        assert executable
        with (self.folder / "logs" / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [executable, *arguments], env=self.environment(), cwd=self.folder, stdout=output, stderr=output
            )

    def _stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        daemon = self.daemons.pop(name)
        daemon.send_signal(number)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _configure(self) -> None:
        for number in range(GPUS):  # SLURM wants a device file for each GPU
            (self.folder / f"devices/nvidia{number}").symlink_to("/dev/null")
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/devices/nvidia[0-{GPUS - 1}]\n")
        accounting = self.folder / "slurmdbd.conf"
        accounting.touch(mode=0o600)
        accounting.write_text(
            f"""AuthType=auth/none
DbdHost=localhost
DbdAddr={ADDRESS}
DbdPort={self.port + 1}
SlurmUser={USER}
LogFile={self.folder}/logs/slurmdbd.log
PidFile={self.folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={USER}
StorageLoc=accounting
"""
        )
        host = socket.gethostname().split(".")[0]
        # cred_expire sets the delay before a requeued job runs again (2 minutes else); numbers of jobs begin with the
        # clock, so that those of an earlier cluster never come back.
        of_accounting = (
            f"""AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={ADDRESS}
AccountingStoragePort={self.port_of_accounting}"""
            if self.port_of_accounting
            else "AccountingStorageType=accounting_storage/none"
        )
        self.conf.write_text(
            f"""ClusterName={self.name}
SlurmctldHost={host}({ADDRESS})
SlurmctldPort={self.port}
SlurmUser={USER}
SlurmdUser={USER}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/%n.pid
SlurmctldLogFile={self.folder}/logs/slurmctld.log
SlurmdLogFile={self.folder}/logs/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SlurmdParameters=config_overrides
SlurmctldParameters=preempt_send_user_signal
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
KillWait=5
FirstJobId={1000 + int(time.time()) % 50_000_000}
{of_accounting}
GresTypes=gpu
NodeName=127.0.0.[1-{NODES}] NodeHostname={host} NodeAddr={ADDRESS} Port=[{self.port + 2}-{self.port + 1 + NODES}] \
CPUs=8 RealMemory=1000000 Gres=gpu:{GPUS} State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
{self.settings}
"""
        )


def short_folder() -> Path:
    """A new one, in whose path there is room for the name of a socket."""
    return Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Start a cluster, and let all commands of SLURM speak to it for the length of the block."""
    outer = {name: os.environ.get(name) for name in ("SLURM_CONF", "PATH")}
    os.environ |= {name: cluster.environment()[name] for name in outer}
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        for name, value in outer.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    shutil.rmtree(cluster.folder)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Look again and again: what another process does has no event to wait for here."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s until {what}"
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((ADDRESS, port), 1):
        return True
    return False


def _ports(count: int) -> int:
    """The first of several free ports in a row, below those that the system hands out."""
    while True:
        first = random.randrange(20_000, 31_000)
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind((ADDRESS, port))
            return first
