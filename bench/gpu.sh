#!/bin/sh
# What a GPU gives, in one go of at most 8 minutes: one JSON line a result. `sh bench/gpu.sh [FOLDER]` from any folder,
# with the package's dependencies installed; FOLDER, new or empty, keeps what is written. On a machine without CUDA it
# runs in a small form, and says so. The exit status is 0 where all was measured and as wanted, 124 where time ran out.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS=1
exec timeout -k 10 --signal=INT 480 "${PYTHON:-python}" "$root/bench/gpu.py" "$@"
