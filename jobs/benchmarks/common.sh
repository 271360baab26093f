# What the scripts of this folder have in common; sourced by them.
# A figure that could not be measured ends the script, also inside of $(...): it must never become a row with zeros.
shopt -s inherit_errexit
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

field() { # file of --json, name: the number, or nothing
  sed -n "s/^ *\"$2\" : \([^,]*\),*\$/\1/p" "$1" | head -n 1
}

once() { # file for --json, command of lowbit and its arguments: runs it unless the file is there
  local out=$1
  shift
  [ -s "$out" ] || { "$home/lowbit" "$@" --json --quiet > "$out.new" && mv "$out.new" "$out"; }
}

calibrated() { # model, text, file: calibrates unless the file is there
  [ -e "$3" ] || "$home/lowbit" calibrate "$1" --text "$2" --out "$3" --quiet > "$3.txt"
}
