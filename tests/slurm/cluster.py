"""A real Slurm cluster of one node on this machine, in one folder."""

import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
CONFIG = """
ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire={requeue_wait}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig={folder}/plugstack.conf
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none

SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
MaxArraySize={max_array_size}
OverTimeLimit=0
KillWait={kill_wait}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1

# As fast as Slurm can be.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,sched_min_interval=0
InactiveLimit=0
MinJobAge=300
MessageTimeout=100
SlurmctldTimeout=300
SlurmdTimeout=300
ReturnToService=2

# The node's real processors and memory do not matter.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={name} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime={grace} MaxTime=60 DefaultTime=5
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF MaxTime=60 DefaultTime=5
"""


class Job(NamedTuple):
    """A line of squeue; one for each array task."""

    id: str
    state: str
    reason: str
    node: str
    name: str


class Cluster:
    """Runs munged, slurmctld and slurmd while its context lasts, as children of this process.

    Jobs of the default partition, `low`, make way for those of `high`: the signal of `--signal` comes at once, SIGTERM
    after `grace` + `kill_wait` seconds, SIGKILL 5 seconds later. A job that got so far is requeued, and starts again
    after `requeue_wait` seconds, 5 at least.
    """

    def __init__(
        self,
        folder: Path,
        max_array_size: int = 10,
        cpus: int = 8,
        memory: int = 16000,
        gpus: int = 2,
        grace: int = 10,
        kill_wait: int = 5,
        requeue_wait: int = 120,
    ):
        self.folder = folder.resolve()
        self.node = socket.gethostname().split(".")[0]
        self.gpus = gpus
        self.config = CONFIG.lstrip().format(
            folder=self.folder,
            name=self.node,
            ports=free_ports(2),
            max_array_size=max_array_size,
            cpus=cpus,
            memory=memory,
            gpus=gpus,
            grace=grace,
            kill_wait=kill_wait,
            requeue_wait=requeue_wait,
        )
        self.env = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Cluster":
        self._write()
        try:
            # Survives this process: if it is killed, the guard ends the processes it leaves behind.
            command = [sys.executable, "-m", "tests.slurm.cluster", str(self.folder)]
            self._guard = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, *command: str) -> str:
        """Runs a client command on this cluster; returns its output."""
        done = subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> list[Job]:
        """All jobs that are not over, arrays task by task."""
        lines = self.run("squeue", "-h", "-a", "-r", "-o", "%i|%T|%r|%N|%j").splitlines()
        return [Job(*line.split("|", 4)) for line in lines]

    def wait_until(self, predicate: Callable[[], bool], what: str) -> None:
        """Waits for something to become true, or fails with the logs."""
        try:
            wait_until(predicate, what)
        except AssertionError as error:
            queue = subprocess.run(["squeue", "-a"], env=os.environ | self.env, capture_output=True, text=True)
            raise AssertionError(f"{error}\n{queue.stdout}{queue.stderr}{self.logs()}") from None

    def release(self, job: str) -> None:
        """Makes a requeued job start now, once it is pending: requeueing resets a start time that was set earlier.

        Not within the second of its end, since Slurm distinguishes the credentials of a job's restarts by seconds.
        """
        self.wait_until(lambda: self._states(job) == {"PENDING"}, f"job {job} waits")
        time.sleep(1.5)
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now")

    def cancel_all(self) -> None:
        """Cancels every job, kills those that do not end within a second, and waits until the queue is empty."""
        patience = time.monotonic() + 1

        def emptied() -> bool:
            left = processes(self.folder, of_jobs=True)
            if time.monotonic() > patience:
                kill(left)
            return not left and not self.jobs()

        self.run("scancel", "--user=root")
        self.wait_until(emptied, "the queue is empty")

    def logs(self, lines: int = 30) -> str:
        """The ends of the daemons' logs."""
        tails = []
        for output in sorted(self.folder.glob("*.out")):
            log = output.with_suffix(".log")  # has times and slurmstepd's messages, but not why a daemon did not start
            path = log if log.exists() else output
            tails += [f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-lines:]]
        return "\n".join(tails)

    def stop(self) -> None:
        """Ends all jobs, then the daemons, then their remaining processes."""
        try:
            if len(self._daemons) == 3:
                self.cancel_all()
        except (RuntimeError, AssertionError) as error:
            print(f"warning: jobs outlived their cluster: {error}", file=sys.stderr)
        finally:
            for daemon in reversed(self._daemons):
                daemon.terminate()
                try:
                    daemon.wait(60)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
            self._daemons.clear()
            end_processes(self.folder)
            if self._guard is not None:
                with self._guard as guard:
                    guard.kill()

    def _write(self) -> None:
        (self.folder / "munge").mkdir(parents=True)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        for number in range(self.gpus):
            (self.folder / f"nvidia{number}").symlink_to("/dev/null")  # Slurm requires a device
        (self.folder / "slurm.conf").write_text(self.config)
        (self.folder / "plugstack.conf").touch()
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/nvidia[0-{self.gpus - 1}]\n")

    def _start(self) -> None:
        munge = self.folder / "munge"
        self._daemon(
            "munged", "--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/socket",
            f"--pid-file={munge}/pid", f"--seed-file={munge}/seed",
        )  # fmt: skip
        self._wait_for_daemon((munge / "socket").exists, "munged listens")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D")
        self._wait_for_daemon(self._idle, "the node is idle")

    def _daemon(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=os.environ | self.env,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C must only reach the tests, which then stop the cluster in order
                )
            )

    def _wait_for_daemon(self, ready: Callable[[], bool], what: str) -> None:
        def ready_or_dead() -> bool:
            return ready() or any(daemon.poll() is not None for daemon in self._daemons)

        self.wait_until(ready_or_dead, what)
        if any(daemon.poll() is not None for daemon in self._daemons):
            raise RuntimeError(f"Slurm did not start\n{self.logs()}")

    def _states(self, job: str) -> set[str]:
        return set(self.run("squeue", "-h", "-r", "-j", job, "-o", "%T").split())

    def _idle(self) -> bool:
        try:
            return self.run("sinfo", "-h", "-N", "-p", "low", "-o", "%T").strip() == "idle"
        except RuntimeError:
            return False


def free_ports(count: int) -> list[int]:
    """Free ports below the system's ephemeral range."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        ports.append(port)
    return ports


def processes(folder: Path, of_jobs: bool = False) -> list[int]:
    """The processes of a cluster, or only those of its jobs, found by environment or (slurmstepd) working directory."""
    mark = f"SLURM_CONF={folder}/".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            if of_jobs:
                belongs = mark in environment and b"SLURM_JOB_ID=" in environment
            else:
                belongs = mark in environment or (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue  # it has ended
        if belongs:
            found.append(int(entry.name))
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def end_processes(folder: Path) -> None:
    """Kills a cluster's processes, also those that they start meanwhile."""
    deadline = time.monotonic() + 60
    while (left := processes(folder)) and time.monotonic() < deadline:
        kill(left)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.stdin.read()
    end_processes(Path(sys.argv[1]))
