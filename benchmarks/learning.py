"""How fast Dreamer learns: its return on a toy task relative to random actions, in minutes on two CPU cores.

    python -m benchmarks.learning

It runs suites/toy.yaml through the launcher. Dreamer's last evaluation is compared with the mean of all evaluations of
random actions, which differ only by chance.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUITE = ROOT / "suites" / "toy.yaml"
GOAL = 3.0  # multiples of the return of random actions
LIMIT = 10.0  # minutes


def main() -> None:
    """Run the suite from scratch; print returns, ratios and minutes."""
    with tempfile.TemporaryDirectory() as results:
        start = time.monotonic()
        launch = [sys.executable, "launch.py", "run", str(SUITE), "--workers", "2", "--results", results]
        subprocess.run(launch, cwd=ROOT, check=True)
        minutes = (time.monotonic() - start) / 60
        for run in sorted((Path(results) / "toy").glob("*/dreamer/*")):
            learned = evaluations(run)[-1]
            random = statistics.mean(evaluations(run.parent.parent / "random" / run.name))
            print(
                f"{run.parent.parent.name}, seed {run.name}: dreamer {learned:.1f}, random {random:.1f}, "
                f"{learned / random:.1f} times (goal {GOAL:g})"
            )
        print(f"all runs: {minutes:.1f} minutes (goal {LIMIT:g})")


def evaluations(run: Path) -> list[float]:
    """The mean return of each of a run's evaluations."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["eval/return"] for line in lines if "eval/return" in line]


if __name__ == "__main__":
    main()
