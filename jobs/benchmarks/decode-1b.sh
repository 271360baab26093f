#!/usr/bin/env bash
# How fast a Llama with 1.2 billion weights (hidden 2048, MLP 5632, 22 layers, vocabulary 32000; values that nobody trained) writes on this machine, in bf16 and at
# 4, 3 and 2 bits, as Markdown rows. Needs 6 GB of disk and 8 GB of memory.
#   jobs/benchmarks/decode-1b.sh [WORK-DIRECTORY]
#   FORMATS  to measure (default: bf16 nf4-g64-s8x256-bf16 nf3-g64-s8x256-bf16 nf2-g64-s8x256-bf16)      LAYERS  (default 22)
# What is written is not written again.
set -eu
. "$(dirname "$0")/common.sh"
work=${1:-$(mktemp -d)}
mkdir -p "$work"
"$home/lowbit" --version > /dev/null # builds what is missing
if [ ! -e "$work/model/config.json" ]; then
  lib=$(cat "$home/target/launcher/current")
  java=$("$home/lowbit" doctor --json | sed -n 's/.*"javaHome" : "\(.*\)".*/\1/p')/bin/java
  "$java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp "$lib/*" \
    "$home/jobs/benchmarks/DecodeCheckpoint.java" "$work/model" "${LAYERS:-22}"
fi
echo '| format | accuracy | threads | tokens/s | MB a token | GB/s | of the bandwidth |'
echo '|---|---|--:|--:|--:|--:|--:|'
for format in ${FORMATS:-bf16 nf4-g64-s8x256-bf16 nf3-g64-s8x256-bf16 nf2-g64-s8x256-bf16}; do
  case $format in bf16) method=float ;; affine*) method=gptq ;; *) method=lq-lora ;; esac
  [ -e "$work/$format/lowbit.json" ] || "$home/lowbit" compress "$work/model" --method $method --format "$format" --out "$work/$format" --quiet > "$work/$format.txt"
  "$home/lowbit" bench --model "$work/$format" --quiet | sed -n "s#^\(exact\|fast\) *\([0-9]*\) *\([0-9.]*\) *\([0-9.]*\) *\([0-9.]*\) *\([0-9.]*\)\$#| \`$format\` | \1 | \2 | \3 | \4 | \5 | \6 |#p"
done
