"""How fast Dreamer learns: its return on toy tasks over random actions', after a suite that two cores end in minutes.

Run as `python -m benchmarks.learning`. Suite, schedule and records are the project's own; the last evaluation of each
run is compared.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUITE = ROOT / "suites" / "toy.yaml"
GOAL = 3.0  # times the random policy's return
LIMIT = 10.0  # minutes


def main() -> None:
    """Train the suite from nothing, and print returns, ratios and minutes."""
    with tempfile.TemporaryDirectory() as results:
        start = time.monotonic()
        launch = [sys.executable, "launch.py", "run", str(SUITE), "--workers", "2", "--results", results]
        subprocess.run(launch, cwd=ROOT, check=True)
        minutes = (time.monotonic() - start) / 60
        for task in sorted((Path(results) / "toy").iterdir()):
            learned, random = (final_return(task / variant / "0") for variant in ("dreamer", "random"))
            print(
                f"{task.name}: dreamer {learned:.1f}, random {random:.1f}, {learned / random:.1f} times (goal {GOAL:g})"
            )
        print(f"all runs: {minutes:.1f} minutes (goal {LIMIT:g})")


def final_return(run: Path) -> float:
    """The mean return of a run's last evaluation."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return float([line["eval/return"] for line in lines if "eval/return" in line][-1])


if __name__ == "__main__":
    main()
