#!/usr/bin/env bash
# Adaptation to a text that a model has not seen: LoRA on floats, LQ-LoRA, INT4 + LoRA, sketches, and every weight of the model in floats; evaluation
# perplexity, trained parameters, bytes, peak memory, over several seeds.
#   jobs/benchmarks/adaptation.sh MODEL TRAINING-TEXT EVALUATION-TEXT WORK [options of tune]
# The rate of each way is the best of RATES on the part of the training text that tune holds out, with the first of SEEDS. What is done is not done again.
#   WAYS   name=options of compress=options of tune, separated by ";"      TOKENS  of the evaluation text (default 32768)
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
. "$(dirname "$0")/common.sh"
model=$1 training=$2 evaluation=$3 work=$4
shift 4
mkdir -p "$work"
read -ra rates <<< "${RATES:-0.003 0.01 0.03 0.1 0.3}"
read -ra seeds <<< "${SEEDS:-0 1 2}"
ways=${WAYS:-"LoRA=--method float --format f16=--rank 8
LQ-LoRA=--method lq-lora --format nf3-g64-s8x256-bf16+r8-f16=--parts low-rank
INT4 + LoRA=--method int2-lrec --format affine4-g32-f16=--rank 8
sketch, 4 bits=--method sketchtune --format sketch4-r1-f16=--parts all
sketch, 3 bits=--method sketchtune --format sketch3-r2-f16=--parts all
all weights=--method float --format f32=--parts all"}

tuned() { # base, name, options of tune
  local base=$1 name=$2
  shift 2
  once "$work/$name.json" tune "$base" --text "$training" --out "$work/$name" "$@"
}

evaluated() { once "$work/$1.evaluation.json" evaluate "$2" --text "$evaluation" --max-tokens "${TOKENS:-32768}"; }

mean() { # of numbers, one a line, and their standard deviation
  LC_ALL=C awk '{ n++; s += $1; x[n] = $1 } END { m = s / n; for (i = 1; i <= n; i++) q += (x[i] - m) ^ 2; printf("%.2f ± %.2f", m, (n > 1 ? sqrt(q / (n - 1)) : 0)) }'
}

statistics=$work/calibration.safetensors
calibrated "$model" "$training" "$statistics"
echo '| way | base, bits per weight | base, bytes | with the task, bytes | trained parameters | rate | perplexity before | perplexity after | peak memory, MB |'
echo '|---|---|---|---|---|---|---|---|---|'
while IFS='=' read -r name compressing tuning; do
  id=${name//[^A-Za-z0-9]/} base=$work/${name//[^A-Za-z0-9]/}
  read -ra compressing <<< "$compressing"
  read -ra tuning <<< "$tuning"
  importance=(--calibration "$statistics")
  [ "${compressing[1]}" = float ] && importance=()
  once "$base.base.json" compress "$model" --out "$base" "${importance[@]}" "${compressing[@]}"
  evaluated "$id" "$base"
  best='' least=''
  for rate in "${rates[@]}"; do
    tuned "$base" "$id-$rate-${seeds[0]}" "${tuning[@]}" --learning-rate "$rate" --seed "${seeds[0]}" "$@"
    loss=$(field "$work/$id-$rate-${seeds[0]}.json" lossAfter)
    if [ -z "$least" ] || LC_ALL=C awk "BEGIN { exit !($loss < $least) }"; then least=$loss best=$rate; fi
  done
  perplexities='' last=''
  for seed in "${seeds[@]}"; do
    last=$id-$best-$seed
    tuned "$base" "$last" "${tuning[@]}" --learning-rate "$best" --seed "$seed" "$@"
    evaluated "$last" "$work/$last"
    perplexities+=$(field "$work/$last.evaluation.json" perplexity)$'\n'
  done
  printf '| %s | %.3f | %s | %s | %s | %s | %.1f | %s | %.0f |\n' "$name" "$(field "$work/$id.evaluation.json" bitsPerWeight)" "$(field "$base.base.json" bytes)" \
    "$(field "$work/$last.json" bytes)" \
    "$(field "$work/$last.json" trainedParameters)" "$best" "$(field "$work/$id.evaluation.json" perplexity)" "$(printf %s "$perplexities" | mean)" \
    "$(LC_ALL=C awk "BEGIN { print $(field "$work/$last.json" peakMemoryBytes) / 1e6 }")"
done <<< "${ways//;/$'\n'}"
