#!/usr/bin/env bash
# Compiles every file of kernels with nvcc for the targets of PrebuiltImages, and says what the assembler made of them: prebuilt.sh FOLDER REPORTS
set -eu

sources=$(cd "$(dirname "$0")/src/main/cuda" && pwd)
folder=$1 reports=$2
command -v nvcc >/dev/null || { echo "prebuilt.sh: nvcc is not on the PATH; install the CUDA toolkit, or build without -Pcuda-prebuilt" >&2; exit 1; }
mkdir -p "$folder" "$reports"

one() { # file, target
  local name
  name=$(basename "$1" .cu)
  case $2 in
    sm_*) nvcc --std=c++17 --fmad=false -Xptxas -v -cubin -arch="$2" -o "$folder/$name.$2.cubin" "$1" 2> "$reports/$name.$2.txt" \
      || { cat "$reports/$name.$2.txt" >&2; return 1; } ;;
    *) nvcc --std=c++17 --fmad=false -ptx -arch="$2" -o "$folder/$name.$2.ptx" "$1" ;;
  esac
}
export -f one
export folder reports

digests=$(cd "$sources" && sha256sum -- *.cu *.cuh)
if [ "$digests" != "$(cat "$folder/sources.sha256" 2>/dev/null)" ]; then
  rm -f "$folder"/* "$reports"/*
  for source in "$sources"/*.cu; do
    printf '%s\n' "$source sm_80" "$source sm_90" "$source sm_100" "$source compute_80"
  done | xargs -P "$(nproc)" -L 1 bash -euc 'one "$@"' one
  echo "$digests" > "$folder/sources.sha256"
fi

for report in "$reports"/*.txt; do
  awk -v name="$(basename "$report" .txt)" '
    /Compiling entry function/ { kernel = $7; kernels++ }
    / bytes spill stores/ && $5 + $9 > 0 { spills = spills " " kernel " " $5 + $9 }
    /Used [0-9]+ registers/ { for (i = 1; i <= NF; i++) if ($i == "Used" && $(i + 1) > most) most = $(i + 1) }
    END { printf "%-20s %3d kernels, at most %3d registers, bytes spilled:%s\n", name, kernels, most, spills == "" ? " none" : spills }' "$report"
done
