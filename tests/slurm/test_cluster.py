"""The cluster that the other tests use."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.slurm.cluster import Cluster, processes

ROOT = Path(__file__).parent.parent.parent


def test_a_job_gets_a_fake_gpu(cluster: Cluster, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    script = "srun printenv CUDA_VISIBLE_DEVICES"
    subprocess.run(["sbatch", "--wait", "--gres=gpu:1", f"--output={output}", "--wrap", script], check=True)
    assert output.read_text() == "0\n"


def test_a_throttled_array_runs_one_task_at_a_time(cluster: Cluster) -> None:
    job = cluster.run("sbatch", "--parsable", "--array=0-2%1", "--output=/dev/null", "--wrap", "sleep 300").strip()
    cluster.wait_until(lambda: cluster.jobs()[-1].state == "RUNNING", "a task runs")
    cluster.wait_until(lambda: cluster.jobs()[0].reason == "JobArrayTaskLimit", "two tasks wait")
    assert {(row.id, row.state, row.node) for row in cluster.jobs()} == {
        (f"{job}_0", "RUNNING", cluster.node),
        (f"{job}_1", "PENDING", ""),
        (f"{job}_2", "PENDING", ""),
    }


def test_a_requeued_job_can_be_released(cluster: Cluster) -> None:
    job = cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 300").strip()
    cluster.wait_until(lambda: cluster.jobs()[0].state == "RUNNING", "a job runs")
    cluster.run("scontrol", "requeue", job)
    cluster.release(job)
    cluster.wait_until(lambda: cluster.jobs()[0].state == "RUNNING", "the job runs again")
    assert "Restarts=1 " in cluster.run("scontrol", "show", "job", job)


def test_no_process_outlives_its_cancelled_job(cluster: Cluster) -> None:
    cluster.run("sbatch", "--output=/dev/null", "--wrap", "trap '' TERM; setsid sleep 300 & sleep 300")
    cluster.wait_until(lambda: len(processes(cluster.folder, of_jobs=True)) == 3, "the job has its processes")
    cluster.cancel_all()
    assert processes(cluster.folder, of_jobs=True) == []


def test_clusters_do_not_disturb_each_other(cluster: Cluster, tmp_path: Path) -> None:
    with Cluster(tmp_path / "second", max_array_size=3) as second:
        second.run("sbatch", "--output=/dev/null", "--wrap", "srun sleep 300")
        second.wait_until(lambda: second.jobs()[0].state == "RUNNING", "a job runs")
        assert cluster.jobs() == []
        assert processes(second.folder)
    assert processes(second.folder) == []
    assert cluster.jobs() == []


def test_a_killed_cluster_leaves_no_process(cluster: Cluster, tmp_path: Path) -> None:
    script = """
import os, signal, sys, time
from pathlib import Path
from tests.slurm.cluster import Cluster
with Cluster(Path(sys.argv[1])) as cluster:
    cluster.run("sbatch", "--output=/dev/null", "--wrap", "srun sleep 300")
    cluster.wait_until(lambda: cluster.jobs()[0].state == "RUNNING", "a job runs")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    folder = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    cluster.wait_until(lambda: processes(folder) == [], "no process is left")
