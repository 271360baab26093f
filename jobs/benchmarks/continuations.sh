#!/usr/bin/env bash
# How models write on where ten prompts end, as Markdown: the most probable token each time, so the same text on every run.
# usage: continuations.sh TOKENS LABEL=FOLDER [LABEL=FOLDER...]
set -eu
home=$(cd "$(dirname "$0")/../.." && pwd -P)
tokens=$1
shift
prompts=(
  "Once upon a time, there was a little girl named Lily."
  "One day, a boy named Tim went to the park with his mom."
  "The dog saw a big red ball in the garden."
  "Sara and Ben were playing with their toys."
  "It was raining, and the cat did not want to get wet."
  "Mom made a cake for the birthday party."
  "The little bird could not fly yet."
  "Tom was sad because he lost his favorite hat."
  "In the forest there lived a big brown bear."
  "\"Can I help you?\" asked the old man."
)
for prompt in "${prompts[@]}"; do
  printf '\n**%s**\n\n' "$prompt"
  for model in "$@"; do
    text=$("$home/lowbit" generate "${model#*=}" --prompt "$prompt" --max-tokens "$tokens" --quiet)
    printf -- '- %s: %s\n' "${model%%=*}" "$(printf '%s' "$text" | tr '\n' ' ' | sed 's/^ *//; s/ *$//')"
  done
done
