#!/usr/bin/env bash
# Makes an environment for the extra `deep`: the packages of evaluation at their locked
# versions, PyTorch for the CPU and neuralforecast. Apart from .venv, which stays without torch.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv-deep}
wanted='pandas|numpy|pyarrow|scipy|lightgbm|scikit-learn|statsforecast|statsmodels|threadpoolctl|optuna|psutil|typer|rich|pydantic-settings|psycopg|psycopg-binary|pytest|pytest-timeout'
"${PYTHON:-python3}" -m venv "$venv"
# Hashes are left out: pip would then ask for those of torch, whose build depends on the machine.
"$venv/bin/python" - "$wanted" > "$venv/locked.txt" <<'PYTHON'
import re
import sys

for line in open("requirements-dev.txt"):
    found = re.match(rf"({sys.argv[1]})==(\S+)( ; [^\\]*)?", line)
    if found:
        print(found[0].strip())
PYTHON
# Plain `torch` would bring the newest build with gigabytes of CUDA; 2.13.0 has one for the CPU.
"$venv/bin/pip" install -q torch==2.13.0
"$venv/bin/pip" install -q -r "$venv/locked.txt" 'neuralforecast>=3'
