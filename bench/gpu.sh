#!/bin/sh
# What a GPU gives, in one go of at most 8 minutes: one JSON line a result. `sh bench/gpu.sh [FOLDER]` at the root of the
# repository, whose package is installed or at hand; on a machine without CUDA it runs in a small form, and says so.
set -eu
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS=1
exec timeout --signal=INT 480 "${PYTHON:-python}" bench/gpu.py "$@"
