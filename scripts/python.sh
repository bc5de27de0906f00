#!/usr/bin/env bash
# Prints the path of the first Python from 3.11 to 3.13 it finds; one line on standard error where there is none.
set -u

for name in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
  # A shim may stand in the path for a version that is not there, so each one is asked.
  path=$("$name" -c 'import sys
if (3, 11) <= sys.version_info[:2] <= (3, 13): print(sys.executable)' 2>/dev/null </dev/null) || continue
  if [ -n "$path" ]; then
    printf '%s\n' "$path"
    exit 0
  fi
done
echo "make: no Python from 3.11 to 3.13 found; install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13)" >&2
exit 1
