"""The cores and GPUs of each of several parallel processes."""

import os
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU of the machine
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def share(place: int, places: int) -> dict[str, str]:
    """Environment variables of one of several processes: as many threads as cores, and its GPUs.

    More processes than GPUs share them evenly; more GPUs than processes are divided among them. A single process keeps
    the GPUs of its environment.
    """
    environment = dict.fromkeys(THREADS, str(max(1, cores() // places)))
    devices = gpus()
    if places > 1 and devices:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices[place::places] or [devices[place % len(devices)]])
    return environment


def cores() -> int:
    """Cores that this process may use; in a Slurm job only those requested, even if the cluster does not bind them."""
    free = len(os.sched_getaffinity(0))
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(free, int(granted)) if granted.isdecimal() and int(granted) else free


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    return [str(index) for index, _ in enumerate(DRIVER.iterdir())] if DRIVER.is_dir() else []
