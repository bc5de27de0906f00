#!/usr/bin/env bash
# Sends malformed input to every parser: a million in all (--count 20000), to one alone (codec), or one again (--input).
set -euo pipefail
cd "$(dirname "$0")/.."

python=$(scripts/python.sh)
environment=.venv-fuzz
if ! "$python" scripts/environment.py "$environment" requirements/fuzz.txt; then
  echo "make: atheris cannot be installed here, so the inputs are mutations without its guidance" >&2
  environment=.venv-test
  "$python" scripts/environment.py "$environment" requirements/test.txt
fi
PYTHONPATH="$PWD/service:$PWD/tests" exec "$environment/bin/python" -m fuzz "$@"
