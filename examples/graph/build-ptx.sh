#!/usr/bin/env bash
# Rebuilds kernels.ptx from kernels.cu. Needs Python and the registry; the compiler goes to a folder of its own.
#   usage: examples/graph/build-ptx.sh [FOLDER], which is examples/graph if left out
set -euo pipefail
cd "${1:-$(dirname "$0")}"
venv=${VENV:-${TMPDIR:-/tmp}/gpumem-nvcc}
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
nvcc=$(find "$venv" -path '*/bin/nvcc' | head -n 1)
# A virtual architecture: the driver compiles it for the card it finds, Turing or later.
"$nvcc" -ptx -O3 -arch=compute_75 -Werror all-warnings -o kernels.ptx kernels.cu
