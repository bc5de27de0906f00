#!/usr/bin/env bash
# Starts the daemon with the arguments given, in an environment that is made first where it has to be.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'exit 0' INT # Ctrl-C while it installs is a wish, not an error; from exec on the daemon takes it

python=$(scripts/python.sh)
"$python" scripts/environment.py .venv requirements/run.txt
exec .venv/bin/alvh run "$@"
