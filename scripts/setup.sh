#!/usr/bin/env bash
# Makes the virtual environment given as $1 and installs the locked requirements, byte-compiled:
# a run's cost is its imports, and compiling them at install time saves it in every process.
set -euo pipefail
venv=$1
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'; then
    echo "Python 3.11 is needed, but '$python' is $("$python" --version 2>&1)." \
        "Install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian's Python comes without venv.
        rm -rf "$venv"
        if [ "$(id -u)" != 0 ]; then
            echo "'$python -m venv' does not work. Install it: apt-get install python3-venv" >&2
            exit 1
        fi
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
        "$python" -m venv "$venv"
    fi
fi
echo "Installing the locked requirements into $venv ..."
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --no-deps \
    -r <(grep -A 100 '^uv==' requirements-dev.txt | awk 'NR == 1 || /^    / {print; next} {exit}')
# LightGBM's wheel wants the system's OpenMP.
if ! ldconfig -p 2>/dev/null | grep -q libgomp.so.1; then
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1
    else
        echo "libgomp1 is missing: apt-get install libgomp1" >&2
        exit 1
    fi
fi
# Tests and linters come along: `make test` must need no other step.
"$venv/bin/uv" pip install -q --python "$venv/bin/python" --require-hashes --compile-bytecode \
    -r requirements-dev.txt
"$venv/bin/uv" pip install -q --python "$venv/bin/python" --no-deps --no-build-isolation -e .
