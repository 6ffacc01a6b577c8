#!/usr/bin/env bash
# submitit writes --wckey=submitit into every job script, and AutoExecutor cannot take it out again.
#
# Expected: `executor.update_parameters(slurm_wckey=None)` leaves the option out, since submitit's Slurm parameters are
# None where an option is not wanted, and every other option of that kind is absent from the script.
# What happens (submitit 1.5.4): None means "not given" to AutoExecutor, the default "submitit" of the inner executor
# stays, and no error tells it. Clusters with AccountingStorageEnforce=wckeys refuse such a job. Only the inner, private
# executor's own update_parameters(wckey=None) clears it.
#
# Output seen, with Python 3.11:
#
#   submitit 1.5.4
#   default: #SBATCH --wckey=submitit
#   AutoExecutor, slurm_wckey=None: #SBATCH --wckey=submitit
#   inner executor, wckey=None: none
#
# Exits with 1 if any of this has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check submitit==1.5.4
mkdir "$place/bin"
# Stand-ins for Slurm's commands, so that the job scripts are written on any machine: no job runs.
printf '#!/bin/sh\necho Submitted batch job 1\n' >"$place/bin/sbatch"
cp "$place/bin/sbatch" "$place/bin/srun"
chmod +x "$place/bin/"*
PATH="$place/bin:$PATH" "$place/venv/bin/python" - "$place" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import submitit


def wckey(name, change):
    """The line of a job script with the option, after a change of the executor."""
    folder = Path(sys.argv[1]) / name
    executor = submitit.AutoExecutor(folder, cluster="slurm")
    executor.update_parameters(timeout_min=5)
    change(executor)
    executor.submit(print)
    [script] = folder.glob("*_submission.sh")
    return next((line for line in script.read_text().splitlines() if "wckey" in line), "none")


print("submitit", version("submitit"))
found = [
    wckey("default", lambda executor: None),
    wckey("none", lambda executor: executor.update_parameters(slurm_wckey=None)),
    wckey("inner", lambda executor: executor._executor.update_parameters(wckey=None)),
]
for name, line in zip(("default", "AutoExecutor, slurm_wckey=None", "inner executor, wckey=None"), found):
    print(f"{name}: {line}")
sys.exit(found != ["#SBATCH --wckey=submitit"] * 2 + ["none"])
PYTHON
