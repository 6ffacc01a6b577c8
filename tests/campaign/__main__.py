"""Makes all trials of the campaign and prints how many were tried and how many survived."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.campaign.kind import KINDS, journal
from tests.campaign.trials import Count, count

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds of a kind
SHOWN = 5  # lost trials of a kind, with their end


def main() -> int:
    """Runs the kinds one after the other; returns 1 if a trial did not survive."""
    parser = argparse.ArgumentParser(prog="tests.campaign", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"kinds of faults (all): {'; '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0, help="what is drawn follows from it (%(default)s)")
    arguments = parser.parse_args()
    kinds = [name for name in KINDS if not arguments.kinds or any(given in name for given in arguments.kinds)]
    folder = ROOT / "build" / "campaign"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in kinds:
        began = time.monotonic()
        found[name] = made(name, folder, arguments.seed)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(found))
    for name, each in found.items():
        for what, why in each.lost[:SHOWN]:
            print(f"\n{name}: {what[:300]}\n{why[-1500:]}")
        if each.skipped:
            print(f"\n{name}: {each.skipped}")
    return int(any(each.tried != each.survived for each in found.values()))


def made(name: str, folder: Path, seed: int) -> Count:
    """Makes the trials of a kind in a process of its own; one that ends early counts as a lost trial."""
    command = [sys.executable, "-m", "tests.campaign.kind", name, str(folder), str(seed)]
    with (folder / f"{name}.log").open("wb") as log:
        try:
            code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, timeout=PATIENCE).returncode
        except subprocess.TimeoutExpired:
            code = None
    ended = count(journal(folder, name))
    if code != 0 and not any(why.startswith("its process") for _, why in ended.lost):
        how = f"after {PATIENCE} s" if code is None else f"by exit code {code}"
        ended = ended._replace(
            tried=ended.tried + 1, lost=[*ended.lost, ("the kind", f"it ended {how}; see {log.name}")]
        )
    return ended


def table(found: dict[str, Count]) -> str:
    """The counts of all kinds in Markdown."""
    rows = [f"| {name} | {each.tried:,} | {each.survived:,} |" for name, each in found.items()]
    tried, survived = (sum(counts) for counts in zip(*(each[:2] for each in found.values()), strict=True))
    return "\n".join(["| kind | tried | survived |", "|---|---|---|", *rows, f"| all | {tried:,} | {survived:,} |"])


if __name__ == "__main__":
    sys.exit(main())
