#!/usr/bin/env bash
# Builds and runs the workload of the `memory` benchmark on RAPIDS RMM and on PyTorch's caching allocator, if
# they are installed.
#
#   usage: peers.sh FOLDER    FOLDER holds peers.hpp, rmm.cpp and torch.cpp
#
# A comparison is valid if this and `cargo bench -p gpumem --bench memory --features cuda` run one after the
# other on the same card.
#
# The search order for RMM, rapids-logger and PyTorch is PEERS_SITE (a folder into which their wheels were
# unpacked), then the packages of python3. For CUDA's headers and runtime it is PEERS_SITE, CUDA_HOME,
# /usr/local/cuda, then NVIDIA's Python packages.
set -euo pipefail
sources=$(cd "${1:?usage: peers.sh FOLDER}" && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
compiler=${CXX:-g++}

# The folder of a Python package, whether it can be imported or not.
package() {
  if [ -d "${PEERS_SITE:-}/$1" ] && [ -n "${PEERS_SITE:-}" ]; then
    echo "$PEERS_SITE/$1"
  else
    python3 -c "import importlib.util as u; s = u.find_spec('$1'); print(list(s.submodule_search_locations)[0] if s else '')" 2>/dev/null || true
  fi
}

# The first folder that has CUDA's headers, with all headers that they include, and the runtime library.
cuda() {
  local folder library nvidia
  nvidia=$(package nvidia)
  for folder in ${PEERS_SITE:+"$PEERS_SITE"/nvidia/cu*} "${CUDA_HOME:-}" /usr/local/cuda ${nvidia:+"$nvidia"/cu*}; do
    [ -f "$folder/include/cuda_runtime_api.h" ] && [ -f "$folder/include/crt/host_defines.h" ] || continue
    library=$(find -L "$folder/lib64" "$folder/lib" -maxdepth 1 -name 'libcudart.so*' 2>/dev/null | sort | head -n 1)
    [ -n "$library" ] && echo "$folder $library" && return
  done
}

# Builds one of the sources with the given flags, and runs it.
run() {
  local name=$1
  shift
  echo
  if ! "$compiler" -O2 -std=c++20 "$sources/$name.cpp" -o "$build/$name" "$@" -lpthread \
    -Wl,--allow-shlib-undefined >"$build/$name.log" 2>&1; then
    echo "$name: does not build:"
    grep -m 5 -E 'error|undefined' "$build/$name.log" || tail -n 5 "$build/$name.log"
    return
  fi
  "$build/$name" || echo "$name: ended with $?"
}

command -v "$compiler" >/dev/null || { echo "peers: there is no $compiler"; exit 1; }
read -r toolkit runtime <<<"$(cuda)" || true
if [ -z "${toolkit:-}" ]; then
  echo "peers: CUDA's headers and runtime are not here, so neither RMM nor PyTorch can be built against"
  exit 1
fi
echo "CUDA: $toolkit"
of_cuda=(-I"$toolkit/include" "$runtime" -Wl,-rpath,"$(dirname "$runtime")")

rmm=$(package librmm) logger=$(package rapids_logger)
if [ -n "$rmm" ] && [ -n "$logger" ]; then
  echo "RMM: $rmm, $(cat "$rmm/VERSION" 2>/dev/null || echo 'of an unknown version')"
  run rmm -DLIBCUDACXX_ENABLE_EXPERIMENTAL_MEMORY_RESOURCE -I"$rmm/include/rapids" -I"$rmm/include" -I"$logger/include" \
    -L"$rmm/lib64" -lrmm -L"$logger/lib64" -lrapids_logger -Wl,-rpath,"$rmm/lib64:$logger/lib64" "${of_cuda[@]}"
else
  echo "RMM: not here (the wheels librmm-cu13 and rapids-logger)"
fi

torch=$(package torch)
if [ -n "$torch" ]; then
  echo "PyTorch: $torch, $(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py" 2>/dev/null)"
  run torch -I"$torch/include" -L"$torch/lib" -lc10 -lc10_cuda -Wl,-rpath,"$torch/lib" "${of_cuda[@]}"
  # PyTorch's allocator on virtual memory.
  if [ -x "$build/torch" ]; then
    PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True "$build/torch" 'torch expandable' || echo "torch: ended with $?"
  fi
else
  echo "PyTorch: not here"
fi
