#!/usr/bin/env bash
# Trains the model that `lowbit demo` embeds, from a seed and nothing else, into DIRECTORY (default: a new temporary one), and says
# whether it has the bytes of the embedded one. A stopped run continues when it is given the same directory. About 10 minutes on
# two cores; ends at a loss of about 0.34 nats per token. usage: train.sh [DIRECTORY [THREADS]]
set -eu
home=$(cd "$(dirname "$0")/../.." && pwd -P)
out=${1:-$(mktemp -d)}
[ $# -eq 0 ] || shift
"$home/lowbit" --version # builds what is missing
lib=$(cat "$home/target/launcher/current")
# The launcher finds the JDK; it says which one.
java=$("$home/lowbit" doctor --json | sed -n 's/.*"javaHome" : "\(.*\)".*/\1/p')/bin/java
"$java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp "$lib/*" \
  dev.lowbit.jobs.demo.TrainDemoModel "$out" "$@"
embedded=$home/jobs/src/main/resources/dev/lowbit/jobs/demo/model
for file in "$embedded"/*; do
  cmp "$file" "$out/$(basename "$file")" || { echo "$out differs from the embedded model" >&2; exit 1; }
done
echo "$out holds the embedded model, byte for byte"
