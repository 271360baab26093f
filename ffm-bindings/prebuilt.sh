#!/usr/bin/env bash
# Compiles every file of kernels with nvcc for the targets of PrebuiltImages: prebuilt.sh FOLDER
set -eu

sources=$(cd "$(dirname "$0")/src/main/cuda" && pwd)
command -v nvcc >/dev/null || { echo "prebuilt.sh: nvcc is not on the PATH; install the CUDA toolkit, or build without -Pcuda-prebuilt" >&2; exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$sources" # the lines below are parted at spaces: they hold names of ours, no path

one() { # file, target
  local name
  name=$(basename "$1" .cu)
  case $2 in
    sm_*) nvcc --std=c++17 --fmad=false -cubin -arch="$2" -o "$folder/$name.$2.cubin" "$1" ;;
    *) nvcc --std=c++17 --fmad=false -ptx -arch="$2" -o "$folder/$name.$2.ptx" "$1" ;;
  esac
}
export -f one
export folder

digests=$(sha256sum -- *.cu *.cuh)
if [ "$digests" != "$(cat "$folder/sources.sha256" 2>/dev/null)" ]; then
  rm -f "$folder"/*
  for source in *.cu; do
    printf '%s\n' "$source sm_80" "$source sm_90" "$source sm_100" "$source compute_80"
  done | xargs -P "$(nproc)" -L 1 bash -euc 'one "$@"' one
  echo "$digests" > "$folder/sources.sha256"
fi
