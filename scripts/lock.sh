#!/usr/bin/env bash
# Writes the hash-locked lists, one for all platforms and Python versions; run with is a part of test.
#
# Versions already in a list stay unless `UPGRADE=1`. No index address is written, so any mirror will do.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || echo .venv-test/bin/uv)
if [ ! -x "$uv" ]; then
  echo "make lock: uv is missing; install it (https://docs.astral.sh/uv) or: .venv-test/bin/pip install uv" >&2
  exit 1
fi

lock() { # lock LIST EXTRA... [-c CONSTRAINTS]
  local list=$1
  shift
  "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate \
    --custom-compile-command "make lock" ${UPGRADE:+--upgrade} --output-file "requirements/$list" \
    --constraints requirements/one-arithmetic.in "$@" pyproject.toml requirements/build.in
}

lock test.txt --extra service --extra embedded --extra test
lock run.txt --extra service --extra embedded --constraints requirements/test.txt
lock bench.txt --extra service --extra embedded --extra test --extra bench
lock service.txt --extra service --constraints requirements/test.txt
lock fuzz.txt --extra service --extra embedded --extra test --extra fuzz --constraints requirements/test.txt
lock messages.txt --constraints requirements/test.txt
if grep -l "://" requirements/*.txt; then
  echo "make lock: an address stands in a list; it would tie everyone to that host" >&2
  exit 1
fi
