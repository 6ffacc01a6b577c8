"""How fast Dreamer learns: its returns on toy tasks, beside those without a value model and of random actions.

    python -m benchmarks.learning

It runs suites/toy.yaml through the launcher on two CPU cores. Rewards of the toy tasks come within a few steps, so that
an agent without a value model learns them too, and a value that misleads the actor shows.
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
FINAL = 2  # evaluations that make a final return
GOAL = 0.8  # of the return without a value model
LIMIT = 10.0  # minutes


def main() -> None:
    """Run the suite from scratch; print the final returns, dreamer's share of the one without a value, and minutes."""
    with tempfile.TemporaryDirectory() as results:
        start = time.monotonic()
        launch = [sys.executable, "launch.py", "run", str(SUITE), "--workers", "2", "--results", results]
        subprocess.run(launch, cwd=ROOT, check=True)
        minutes = (time.monotonic() - start) / 60
        for run in sorted((Path(results) / SUITE.stem).glob("*/dreamer/*")):
            task, seed = run.parent.parent, run.name
            learned, without, random = (
                final_return(task / variant / seed) for variant in ("dreamer", "no_value", "random")
            )
            print(
                f"{task.name}, seed {seed}: dreamer {learned:.1f}, no value {without:.1f}, random {random:.1f}; "
                f"{learned / without:.2f} of no value (goal {GOAL:g})"
            )
        print(f"all runs: {minutes:.1f} minutes (goal {LIMIT:g})")


def final_return(run: Path) -> float:
    """The mean return of a run's last evaluations."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return statistics.mean([line["eval/return"] for line in lines if "eval/return" in line][-FINAL:])


if __name__ == "__main__":
    main()
