#!/usr/bin/env bash
# LoRA adapters as signs and one scale (ComPEFT), as Markdown rows: bytes, how much smaller, relative error with either scale.
# usage: compeft.sh WORK-DIRECTORY ADAPTER [ADAPTER...]
#   ADAPTER     folder with adapter_config.json and adapter_model.safetensors
#   DENSITIES   environment: shares of the entries to keep (default: 0.01 0.05 0.1 0.2 0.5)
#   BASE, TEXT  environment: the complete model that all adapters were trained on, and a text: adds the perplexity of the base, of the base
#               with the adapter, and of the base with what is left of it under either scale
#   MAX_TOKENS  environment: tokens of the text to predict (default: 32768)
# Everything written stays in the work directory and is used again.
set -eu
. "$(dirname "$0")/common.sh"
work=$1
shift
base=${BASE:-} text=${TEXT:-}
case ${base:+base}${text:+text} in '' | basetext) ;; *) echo 'BASE and TEXT belong together: give both or neither' >&2; exit 2 ;; esac
round() { LC_ALL=C printf "%.$2f" "$1"; }

compressed() { # adapter, density, label, further options: compresses into $work/name/label-density unless that is there
  local adapter=$1 density=$2 out
  out=$work/$(basename "$1")/$3-$2
  shift 3
  [ -e "$out/update.compeft" ] || "$home/lowbit" export "$adapter" --to compeft --density "$density" --out "$out" --json --quiet "$@" > "$out.json"
}

perplexity() { # folder to evaluate, label: the figure, measured once
  local result=$work/$2.evaluation.json
  once "$result" evaluate "$1" --text "$text" --max-tokens "${MAX_TOKENS:-32768}"
  round "$(field "$result" perplexity)" 4
}

merged() { # update or adapter, label: perplexity of the base with it
  [ -e "$work/$2.merged" ] || "$home/lowbit" import "$1" --base "$base" --out "$work/$2.merged" --quiet > /dev/null
  perplexity "$work/$2.merged" "$2"
}

mkdir -p "$work"
head='| adapter | density | bytes | times smaller | than 16 bits | error, alpha 1 | error, mean magnitude |' rule='|---|---|---|---|---|---|---|'
[ -z "$base" ] || { head+=' perplexity of the base | with the adapter | alpha 1 | mean magnitude |' rule+='---|---|---|---|'; }
printf '%s\n%s\n' "$head" "$rule"
for adapter in "$@"; do
  name=$(basename "$adapter")
  mkdir -p "$work/$name"
  for density in ${DENSITIES:-0.01 0.05 0.1 0.2 0.5}; do
    compressed "$adapter" "$density" alpha
    compressed "$adapter" "$density" mean --mean-magnitude
    place=$work/$name/alpha-$density mean=$work/$name/mean-$density
    row="| $name | $density | $(field "$place.json" bytes) | $(round "$(field "$place.json" ratio)" 1) | $(round "$(field "$place.json" ratio16)" 1)"
    row+=" | $(round "$(field "$place.json" relativeError)" 4) | $(round "$(field "$mean.json" relativeError)" 4) |"
    if [ -n "$base" ]; then
      # one by one, because a failure inside of a longer line would not end the script
      before=$(perplexity "$base" base)
      adapted=$(merged "$adapter" "$name/adapter")
      alpha=$(merged "$place" "$name/alpha-$density")
      magnitude=$(merged "$mean" "$name/mean-$density")
      row+=" $before | $adapted | $alpha | $magnitude |"
    fi
    echo "$row"
  done
done
