#!/usr/bin/env bash
# Builds and runs the benchmarks: finds a JDK 25 or newer, adds the JVM flags, hands over.
#   jmh/run.sh                            the whole suite, compared with jmh/baseline-BITS.json, those of the registers (exit 1 when a ratio fell)
#   jmh/run.sh -Dquick                    the same, short: under five minutes
#   jmh/run.sh GemmBenchmark              only these benchmarks, and the references they are held against
#   jmh/run.sh --write-baseline [...]     a new baseline from this run
#   jmh/run.sh --jmh -prof gc Gemm        plain JMH with its own arguments
set -eu

minimum_jdk=25
fail() { printf 'jmh/run.sh: %s\n' "$1" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd -P)

feature_version() { # prints the feature version of the JDK in $1, nothing when there is none
  [ -x "$1/bin/javac" ] && sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null || true
}
find_jdk() {
  local candidate version best='' best_version=0 on_path
  on_path=$(command -v java || true)
  [ -z "$on_path" ] || on_path=$(dirname "$(dirname "$(readlink -f "$on_path")")")
  for candidate in "${JAVA_HOME:-}" "$on_path"; do
    version=$(feature_version "$candidate")
    if [ -n "$version" ] && [ "$version" -ge $minimum_jdk ]; then echo "$candidate"; return; fi
  done
  for candidate in /usr/lib/jvm/* /usr/lib64/jvm/* /opt/* "${HOME:-/root}"/.sdkman/candidates/java/* \
      "${HOME:-/root}"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    version=$(feature_version "$candidate")
    if [ -n "$version" ] && [ "$version" -ge $minimum_jdk ] \
        && { [ -z "$best" ] || [ "$version" -lt "$best_version" ]; }; then
      best=$candidate best_version=$version
    fi
  done
  [ -n "$best" ] && echo "$best"
}
jdk=$(find_jdk) || fail "no JDK $minimum_jdk or newer in JAVA_HOME, on the PATH or in the usual places; install one or set JAVA_HOME"
command -v mvn >/dev/null || fail "Maven 3.8.7 or newer is needed; install it"

(cd "$here/.." && JAVA_HOME=$jdk mvn -q -B -ntp -DskipTests -pl jmh -am package)

# OpenBLAS chooses the kernels for this machine itself; a forced type would make the yardstick shorter than it is.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

jvm=(--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Xmx2g)
main=dev.lowbit.bench.CompareMain
arguments=()
for argument in "$@"; do
  case $argument in
    -D* | -XX:*) jvm+=("$argument") ;;
    --jmh) main=org.openjdk.jmh.Main ;;
    *) arguments+=("$argument") ;;
  esac
done
cd "$here"
exec "$jdk/bin/java" "${jvm[@]}" -cp "target/classes:target/lib/*" $main ${arguments[@]+"${arguments[@]}"}
