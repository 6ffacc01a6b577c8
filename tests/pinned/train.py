"""Train every run of the suites beside this file, one after the other: `python -m tests.pinned.train FOLDER`.

    FOLDER/<suite>/<variant>.jsonl    its metrics, but for times and for lines that hold nothing else
    FOLDER/instructions.txt           what the processor can do: kernels are chosen by it

Run as a program, with one thread: a sum over several threads may be rounded otherwise.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SUITES = sorted(HERE.glob("*.yaml"))
METRICS = HERE / "metrics"
THREADS = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1")


def root() -> Path:
    """The checkout's folder."""
    return HERE.parents[1]


def instructions() -> str:
    """The vector instructions of this processor, by Linux's names."""
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    return " ".join(sorted({flag for flag in flags if flag.startswith(("avx", "amx", "fma", "sse"))})) + "\n"


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a metrics.jsonl without times, and without those of the steps before training."""
    kept = []
    for line in path.read_text().splitlines():
        record = {name: value for name, value in json.loads(line).items() if not name.startswith("time/")}
        if set(record) - {"step", "train/updates"}:
            kept.append(record)
    return kept


def main(out: Path) -> None:
    """Trains, and writes what is kept."""
    from runs.training.attempt import run
    from suites.plan import plan
    from suites.suite import load_suite

    for suite in SUITES:
        for spec in plan(load_suite(suite)):
            with tempfile.TemporaryDirectory() as folder:
                run(spec, Path(folder))
                kept = lines(Path(folder) / "metrics.jsonl")
            target = out / spec.suite / f"{spec.variant}.jsonl"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(json.dumps(record) + "\n" for record in kept))
    (out / "instructions.txt").write_text(instructions())


if __name__ == "__main__":
    os.environ |= THREADS
    main(Path(sys.argv[1]))
