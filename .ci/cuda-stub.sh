#!/usr/bin/env bash
# Makes a stand-in for the CUDA driver library in DIR/lib64, so that the `cuda` feature builds and its tests start where
# there is no CUDA toolkit and no driver. It holds names only: every function answers that there is no driver.
#   usage: cuda-stub.sh DIR
#   then build with CUDA_LIBRARY_PATH=DIR; what is built needs a libcuda.so.1 to start, the driver's on a machine that
#   has one, or this one through LD_LIBRARY_PATH=DIR/lib64.
set -euo pipefail

dir=${1:?usage: cuda-stub.sh DIR}
home=${CARGO_HOME:-$HOME/.cargo}

# The names are those that `cust` declares, in the version that the lock file holds.
declarations=$(find "$home/registry/src" -path '*/cust_raw-0.11.3/src/cuda.rs' 2>/dev/null | head -n 1)
if [ -z "$declarations" ]; then
  echo "cuda-stub: the source of cust_raw 0.11.3 is not in $home/registry; run 'cargo fetch' first" >&2
  exit 1
fi

mkdir -p "$dir/lib64"
grep -oE 'pub fn cu[A-Za-z0-9_]+' "$declarations" | sed 's/pub fn //' | sort -u |
  awk '{ print "int " $1 "(void) { return 3; }" }' >"$dir/stub.c"   # 3 is CUDA_ERROR_NOT_INITIALIZED
"${CC:-cc}" -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$dir/lib64/libcuda.so" "$dir/stub.c"
ln -sf libcuda.so "$dir/lib64/libcuda.so.1"
echo "$dir"
