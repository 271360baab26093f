#!/usr/bin/env bash
# Quality of data-aware compression, as Markdown rows: bits, perplexity, KL(float || model), top-1 agreement on a text that nothing was fitted to.
# usage: quality.sh MODELS CALIBRATION-TEXT EVALUATION-TEXT WORK-DIRECTORY [options of compress]
#   MODELS      folders of complete models, separated by commas
#   BITS        environment: budgets (default: 4.25 4 3.5 3.4375 3.0625 3 2.75 2.5625 2.5 2.25)
#   OBJECTIVES  environment: objectives beside the default one, "none" for compression without calibration (default: none)
#   TUNE        environment: budgets at which the model is also compressed with --min-rank 1 and its factors are tuned, and at which all
#               parts of the default result are tuned (default: none)
#   PARTS       environment: what TUNE tunes of the results with --min-rank 1, low-rank or all (default: low-rank)
#   FORMATS     environment: single formats, each with what is done: none:F without calibration, data:F with it, tune:F its factors tuned
#               after that, all:F all its parts tuned (default: none)
#   WAYS        environment: ways to tune the default results at BITS, each label=options of tune, separated by semicolons (default: none)
# Calibrations, cost tables and results stay in the work directory and are used again.
set -eu
. "$(dirname "$0")/common.sh"
models=$1 calibration=$2 evaluation=$3 work=$4
shift 4
tokens=32768
parts=${PARTS:-low-rank}
case $parts in low-rank) label=factors with=tuned ;; all) label='all parts' with=ranked-all ;; *) echo "PARTS: low-rank or all, not $parts" >&2; exit 2 ;; esac

row() { # name, label, folder of the model to evaluate, further options of evaluate
  local name=$1 label=$2 folder=$3 result
  shift 3
  result=$folder.evaluation.json
  once "$result" evaluate "$folder" --text "$evaluation" --max-tokens $tokens "$@"
  printf '| %s | %s | %s | %s | %s | %s |\n' "$name" "$label" "$(field "$result" bitsPerWeight)" "$(field "$result" perplexity)" \
    "$(field "$result" klDivergence)" "$(field "$result" top1Agreement)"
}

compressed() { # model, label, further options: compresses into $work/name/label unless that is there
  local model=$1 out=$work/$(basename "$1")/$2
  shift 2
  [ -e "$out/lowbit.json" ] || "$home/lowbit" compress "$model" --out "$out" --json --quiet "$@" > "$out.json"
}

tuned() { # compressed folder, model, output, further options
  local input=$1 model=$2 out=$3
  shift 3
  [ -e "$out/lowbit.json" ] || "$home/lowbit" tune "$input" --reference "$model" --text "$calibration" --out "$out" --json --quiet "$@" > "$out.json"
}

of_no_budget() { # options of compress: sets "others" to those that a format leaves open
  others=()
  while [ $# -gt 0 ]; do
    case $1 in --rank | --min-rank | --group) shift 2 ;; *) others+=("$1") && shift ;; esac
  done
}

of_format() { # model, statistics, way:format, further options: the rows of FORMATS
  local model=$1 statistics=$2 way=${3%%:*} format=${3#*:} name place
  name=$(basename "$model") place=$work/$(basename "$model")
  shift 3
  of_no_budget "$@"
  set -- "${others[@]}"
  if [ "$way" = none ]; then
    compressed "$model" "none-$format" --format "$format" "$@"
    row "$name" "$format, no calibration" "$place/none-$format" --reference "$model"
    return
  fi
  compressed "$model" "data-$format" --format "$format" --calibration "$statistics" "$@"
  case $way in
    data) row "$name" "$format" "$place/data-$format" --reference "$model" ;;
    tune)
      tuned "$place/data-$format" "$model" "$place/tuned-$format"
      row "$name" "$format, factors tuned" "$place/tuned-$format" --reference "$model"
      ;;
    all)
      tuned "$place/data-$format" "$model" "$place/all-$format" --parts all
      row "$name" "$format, all parts tuned" "$place/all-$format" --reference "$model"
      ;;
    *) echo "FORMATS: $way:$format: none, data, tune or all is needed before the colon" >&2; exit 2 ;;
  esac
}

echo '| model | objective | bits per weight | perplexity | KL to float | top-1 |'
echo '|---|---|---|---|---|---|'
IFS=, read -ra folders <<< "$models"
for model in "${folders[@]}"; do
  name=$(basename "$model") place=$work/$(basename "$model")
  mkdir -p "$place"
  ln -sfn "$(cd "$model" && pwd -P)" "$place/float"
  row "$name" float "$place/float"
  statistics=$place/calibration.safetensors
  calibrated "$model" "$calibration" "$statistics"
  for bits in ${BITS:-4.25 4 3.5 3.4375 3.0625 3 2.75 2.5625 2.5 2.25}; do
    compressed "$model" "default-$bits" --bits "$bits" --calibration "$statistics" --costs "$place/default.costs" "$@"
    row "$name" default "$place/default-$bits" --reference "$model"
    IFS=';' read -ra ways <<< "${WAYS:-}"
    for way in "${ways[@]}"; do
      read -ra options <<< "${way#*=}"
      tuned "$place/default-$bits" "$model" "$place/${way%%=*}-$bits" "${options[@]}"
      row "$name" "${way%%=*}" "$place/${way%%=*}-$bits" --reference "$model"
    done
    for objective in ${OBJECTIVES:-}; do
      if [ "$objective" = none ]; then
        compressed "$model" "none-$bits" --bits "$bits" --costs "$place/none.costs" "$@"
      else
        compressed "$model" "$objective-$bits" --bits "$bits" --calibration "$statistics" --objective "$objective" \
          --costs "$place/$objective.costs" "$@"
      fi
      row "$name" "$objective" "$place/$objective-$bits" --reference "$model"
    done
  done
  for bits in ${TUNE:-}; do
    if compressed "$model" "ranked-$bits" --bits "$bits" --calibration "$statistics" --min-rank 1 --costs "$place/ranked.costs" "$@"; then
      row "$name" 'rank 1 or more' "$place/ranked-$bits" --reference "$model"
      tuned "$place/ranked-$bits" "$model" "$place/$with-$bits" --parts $parts
      row "$name" "the same, $label tuned" "$place/$with-$bits" --reference "$model"
    else
      echo "| $name | rank 1 or more | no trainable part: $bits bits are too few | | | |"
    fi
    if [ -e "$place/default-$bits" ]; then
      tuned "$place/default-$bits" "$model" "$place/tuned-all-$bits" --parts all
      row "$name" 'default, all parts tuned' "$place/tuned-all-$bits" --reference "$model"
    fi
  done
  for format in ${FORMATS:-}; do
    of_format "$model" "$statistics" "$format" "$@"
  done
done
