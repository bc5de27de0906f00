#!/usr/bin/env bash
# Starts the daemon with the arguments given, in an environment that is made first where it has to be.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'exit 0' INT # Ctrl-C while it installs is a wish, not an error; from exec on the daemon takes it

python=$(scripts/python.sh)
"$python" scripts/environment.py .venv requirements/run.txt
# Where the system can (Linux), the daemon is told to stop when make is killed outright, so that none is left behind.
if setpriv --pdeathsig TERM true 2>/dev/null; then
  exec setpriv --pdeathsig TERM .venv/bin/alvh run "$@"
fi
exec .venv/bin/alvh run "$@"
