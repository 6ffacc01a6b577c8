import os
import shutil
from collections.abc import Iterator

import pytest

from tests.slurm.cluster import NEEDED, Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One Slurm cluster for all tests that need one."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"needs Slurm: no {', '.join(missing)}; apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("needs root, to run Slurm's daemons")
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster", kill_wait=20) as running:
        yield running


@pytest.fixture(autouse=True)
def on_the_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Slurm's commands speak to the cluster, and no test sees another's jobs."""
    for name, value in cluster.env.items():
        monkeypatch.setenv(name, value)
    yield
    cluster.cancel_all()
