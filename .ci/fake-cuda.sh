#!/usr/bin/env bash
# Builds the driver of fake-cuda.c, on which the CUDA half of the tests runs without a card.
#   usage: fake-cuda.sh STAND-IN DIR    STAND-IN is the folder that cuda-stub.sh has made
#   then run the tests with LD_LIBRARY_PATH=DIR
set -euo pipefail
cd "$(dirname "$0")"
stand_in=${1:?usage: fake-cuda.sh STAND-IN DIR}
dir=${2:?usage: fake-cuda.sh STAND-IN DIR}
mkdir -p "$dir"
# What the driver lacks comes from the stand-in, whose names give way.
sed 's/^int /__attribute__((weak)) int /' "$stand_in/stub.c" >"$dir/rest.c"
"${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -c -fPIC fake-cuda.c -o "$dir/fake-cuda.o"
"${CC:-cc}" -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$dir/libcuda.so.1" "$dir/fake-cuda.o" "$dir/rest.c" -lpthread
echo "$dir"
