#!/usr/bin/env bash
# A 4 GB checkpoint under -Xmx512m --memory 1GiB: prints the result, in it the seconds and the process's peak (VmHWM), and fails when the
# peak is above the cap. Needs 8 GB of disk. usage: memory-4gb.sh [WORK-DIRECTORY [options of compress]]
set -eu
home=$(cd "$(dirname "$0")/../.." && pwd -P)
work=${1:-$(mktemp -d)}
[ $# -eq 0 ] || shift
mkdir -p "$work"
"$home/lowbit" --version # builds what is missing
lib=$(cat "$home/target/launcher/current")
# The launcher finds the JDK; it says which one.
java=$("$home/lowbit" doctor --json | sed -n 's/.*"javaHome" : "\(.*\)".*/\1/p')/bin/java
if [ ! -e "$work/model/config.json" ]; then
  "$java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp "$lib/*" \
    "$home/jobs/benchmarks/LargeCheckpoint.java" "$work/model" $((4 << 30))
fi
JAVA_OPTS=-Xmx512m "$home/lowbit" compress "$work/model" --out "$work/output" --bits 2.75 --memory 1GiB --json "$@" \
  > "$work/result.json"
peak=$(sed -n 's/.*"peakMemoryBytes" : \([0-9]*\).*/\1/p' "$work/result.json")
grep -E '"(weights|bitsPerWeight|relativeError|seconds|peakMemoryBytes)"' "$work/result.json" | head -n 5
[ "$peak" -le $((1 << 30)) ] || { echo "the peak of $peak bytes is above the cap of 1 GiB" >&2; exit 1; }
