"""The time of a whole analysis, compared with the work that it cannot avoid.

    python -m benchmarks.analysis [--runs 2000] [--points 500] [--repetitions 2000]

The runs are synthetic, of 20 tasks and 10 variants, in folders like those of real runs, with one line of training
metrics for each evaluation. The floor is the time to read and parse all lines, to import the libraries, and to
bootstrap with rliable.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

TASKS, VARIANTS = 20, 10
IMPORTS = "import pandas, pyarrow, rliable.library, seaborn, jinja2"


def curves(runs: int, points: int) -> NDArray[np.float64]:
    """Synthetic returns that rise exponentially to a limit, with noise: tasks x variants x seeds x points."""
    rng = np.random.default_rng(0)
    shape = (TASKS, VARIANTS, runs // (TASKS * VARIANTS), 1)
    rise = 1 - np.exp(-np.linspace(0, rng.uniform(3, 8, shape).squeeze(-1), points, axis=-1))
    height = rng.uniform(300, 800, (TASKS, VARIANTS, 1, 1)) + rng.normal(0, 60, shape)
    return np.clip(height * rise + rng.normal(0, 25, rise.shape), 0, 1000)


def write(returns: NDArray[np.float64], root: Path) -> None:
    """Writes a run folder for each curve."""
    for task, variant, seed in np.ndindex(returns.shape[:3]):
        folder = root / f"dmc_task_{task}" / f"variant_{variant}" / str(seed)
        folder.mkdir(parents=True)
        lines: list[dict[str, object]] = [{"step": 0, "parameters/world_model": 5_000_000, "flops/update": 9e11}]
        for point, score in enumerate(returns[task, variant, seed].tolist(), 1):
            step = 10_000 * point
            losses = {f"loss/{name}": score / 7 for name in ("model", "image", "reward", "kl", "actor", "value")}
            lines.append(
                {"step": step, **losses, "train/updates": step // 10, "time/fps": 30.0, "time/hours": step / 1e5}
            )
            lines.append({"step": step, "eval/return": score, "eval/returns": [score], "eval/episodes": 1})
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "state.json").write_text('{"state": "done"}')
        (folder / "provenance.json").write_text('{"renderer": "raycast", "commit": "0123456789"}')
        (folder / "spec.yaml").write_text(f"settings:\n  action_repeat: 2\n  behavior: {{horizon: {variant}}}\n")


def seconds(*command: str) -> float:
    """Duration of a command in seconds; an exception if it fails."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def parse(root: Path) -> float:
    """Seconds to read and parse all metrics."""
    start = time.perf_counter()
    for path in root.glob("*/*/*/metrics.jsonl"):
        for line in path.read_bytes().splitlines():
            orjson.loads(line)
    return time.perf_counter() - start


def bootstrap(finals: NDArray[np.float64], repetitions: int) -> float:
    """Seconds that rliable takes to resample each variant once and to average the resamples."""
    from rliable import library, metrics

    start = time.perf_counter()
    for variant in range(VARIANTS):
        library.get_interval_estimates(
            {"": finals[:, variant].T}, lambda scores: np.array([metrics.aggregate_mean(scores)]), reps=repetitions
        )
    return time.perf_counter() - start


def main() -> None:
    """Measure an analysis and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help=f"number of runs, a multiple of {TASKS * VARIANTS}")
    parser.add_argument("--points", type=int, default=500, help="evaluations in each run")
    parser.add_argument("--repetitions", type=int, default=2000, help="bootstrap repetitions")
    arguments = parser.parse_args()
    returns = curves(arguments.runs, arguments.points)
    with tempfile.TemporaryDirectory() as name:
        root, out = Path(name) / "synthetic", Path(name) / "analysis"
        write(returns, root)
        print(f"runs            {returns[..., 0].size:,} of {arguments.points} evaluations")
        options = ("--out", str(out), "--repetitions", str(arguments.repetitions))
        print(f"analysis        {seconds('analyze.py', str(root), *options):.1f} s")
        print(f"  floor         {parse(root):.1f} s to read and parse all metrics")
        print(f"                {seconds('-c', IMPORTS):.1f} s to import the libraries")
        means = bootstrap(returns[..., -1] / 1000, arguments.repetitions)
        print(f"                {means:.1f} s to bootstrap means with rliable")


if __name__ == "__main__":
    main()
