"""A launcher of stand-in runs: `python -m tests.runs.launching RESULTS WORKERS SEED...`."""

import sys
from pathlib import Path

from runs.executing import launcher, local
from tests.runs.standin import spec

if __name__ == "__main__":
    launcher.COMMAND = (sys.executable, "-m", "tests.runs.standin")
    specs = [spec(int(seed)) for seed in sys.argv[3:]]
    sys.exit(local.launch(specs, Path(sys.argv[1]), int(sys.argv[2]), retry_failed=False, replace=False))
