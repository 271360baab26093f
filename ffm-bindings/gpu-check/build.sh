#!/usr/bin/env bash
# Makes target/lowbit-gpu-check.tar.gz: a Java runtime, the jars and compiled kernels, for a machine that has a GPU with its driver and nothing else.
# Needs a JDK 25 in JAVA_HOME, Maven, nvcc and a C compiler on the PATH.
set -eu

fail() { echo "build.sh: $1" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
most=$((64 * 1000 * 1000))
[ -x "${JAVA_HOME:-}/bin/jlink" ] || fail "JAVA_HOME (${JAVA_HOME:-not set}) is no JDK; set it to a JDK 25"
command -v nvcc > /dev/null || fail "nvcc is not on the PATH; install the CUDA toolkit"

(cd "$root" && mvn -B -ntp -q -DskipTests -Dspotless.check.skip -Pcuda-prebuilt -pl quant-core,ffm-bindings package)

target=$root/ffm-bindings/target
folder=$target/lowbit-gpu-check
rm -rf "$folder" && mkdir -p "$folder/lib"
"$JAVA_HOME/bin/jlink" --add-modules java.base,jdk.incubator.vector,jdk.unsupported,java.logging --strip-debug \
  --no-header-files --no-man-pages --compress zip-9 --output "$folder/runtime" 2>&1 | grep -v 'incubator modules' || true
[ -x "$folder/runtime/bin/java" ] || fail "jlink made no runtime"
# fastutil stays behind: only budgets and Hessians use it.
version=$(sed -n 's/^version=//p' "$target/maven-archiver/pom.properties")
cp "$root/quant-core/target/lowbit-quant-core-$version.jar" "$target/lowbit-ffm-bindings-$version.jar" "$folder/lib"
(cd "$root" && mvn -B -ntp -q dependency:copy-dependencies -pl quant-core -DincludeGroupIds=tools.jackson.core -DincludeScope=runtime \
  -DoutputDirectory="$folder/lib")
cp "$here/gpu-check" "$folder"
cc -O2 -o "$folder/launch" "$here/launch.c" -ldl
tar -C "$target" -czf "$target/lowbit-gpu-check.tar.gz" lowbit-gpu-check
bytes=$(stat -c %s "$target/lowbit-gpu-check.tar.gz")
[ "$bytes" -le "$most" ] || fail "the archive has $bytes bytes, more than $most"
echo "$target/lowbit-gpu-check.tar.gz: $bytes bytes"
