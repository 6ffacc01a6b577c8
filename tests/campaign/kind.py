"""The trials of one kind in this process: `python -m tests.campaign.kind NAME FOLDER SEED`."""

import faulthandler
import pkgutil
import resource
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.campaign.trials import Trials

# Kind -> the function that makes its trials; its module is imported only where it is called.
KINDS: Mapping[str, str] = {
    "suites, edited badly": "suites:mutated",
    "settings and options, odd values": "suites:odd_values",
    "files of other programs, damaged": "sources:damaged",
    "scores that are no scores": "sources:odd_numbers",
    "toy runs, killed before any of their calls": "runs:killed",
    "toy runs, one file damaged": "runs:damaged",
    "a real agent, killed at any moment": "kills:killed",
    "a full disk": "disk:full",
    "several launchers at once": "launchers:at_once",
}
MEMORY = 16 * 2**30  # bytes of addresses: what exhausts memory ends early


def journal(folder: Path, name: str) -> Path:
    """Where the trials of a kind are written down."""
    return folder / f"{name}.jsonl"


def main(name: str, folder: Path, seed: int) -> None:
    """Makes the trials of a kind in a folder of its own."""
    faulthandler.enable()
    warnings.filterwarnings("always", category=RuntimeWarning)  # not only once for each line of code
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    make: Callable[[Trials, Path], None] = pkgutil.resolve_name(f"tests.campaign.{KINDS[name]}")
    make(Trials(journal(folder, name), seed), place)
    shutil.rmtree(place)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
