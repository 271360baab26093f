#!/usr/bin/env bash
# Sketches beside GPTQ and LQ-LoRA at the bits that the sketches take, everything counted: complete models by perplexity and divergence, as compressed.
#   jobs/benchmarks/sketches.sh MODEL[,MODEL...] CALIBRATION-TEXT EVALUATION-TEXT WORK
# Matrices without a model around them, by relative error of the weights (the layer error for uncorrelated inputs):
#   jobs/benchmarks/sketches.sh MODEL[,MODEL...] - - WORK
#   FORMATS  sketch formats      TOKENS  of the evaluation text (default 32768)
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
. "$(dirname "$0")/common.sh"
models=$1 calibration=$2 evaluation=$3 work=$4

compressed() { # model, folder, options
  local model=$1 out=$2
  shift 2
  [ -s "$out.json" ] || rm -rf "$out" "$out.partial" # of a run that was stopped
  once "$out.json" compress "$model" --out "$out" ${statistics:+--calibration "$statistics"} "$@"
}

cell() { # model, folder: bits and figures
  if [ -z "$statistics" ]; then
    printf '%.3f: %.4f' "$(field "$2.json" bitsPerWeight)" "$(field "$2.json" relativeError)"
    return
  fi
  once "$2.evaluation.json" evaluate "$2" --text "$evaluation" --max-tokens "${TOKENS:-32768}" --reference "$1"
  printf '%.3f: %.2f / %.3f' "$(field "$2.json" bitsPerWeight)" "$(field "$2.evaluation.json" perplexity)" "$(field "$2.evaluation.json" klDivergence)"
}

echo '| model | sketch | sketched | GPTQ | LQ-LoRA |'
echo '|---|---|---|---|---|'
IFS=, read -ra folders <<< "$models"
for model in "${folders[@]}"; do
  name=$(basename "$model") place=$work/$(basename "$model") statistics=
  mkdir -p "$place"
  if [ "$calibration" != - ]; then
    statistics=$place/calibration.safetensors
    calibrated "$model" "$calibration" "$statistics"
  fi
  for format in ${FORMATS:-sketch2-r1-f16 sketch2-r1-t8-s6x64-bf16 sketch3-r1-f16 sketch3-r1-t8-s6x64-bf16 sketch4-r1-t8-s6x64-bf16}; do
    compressed "$model" "$place/$format" --method sketchtune --format "$format"
    row="| $name | \`$format\` | $(cell "$model" "$place/$format") |"
    bits=$(field "$place/$format.json" bitsPerWeight)
    for method in gptq lq-lora; do
      if compressed "$model" "$place/$format-$method" --method "$method" --bits "$bits" --costs "$place/$method.costs"; then
        row+=" $(cell "$model" "$place/$format-$method") |"
      else
        [ $? -eq 5 ] || exit 1
        row+=' too few bits |'
      fi
    done
    echo "$row"
  done
done
