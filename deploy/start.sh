#!/bin/sh
# Starts everything in containers: makes the secrets that are missing, builds, and brings the composition up.
#
# Arguments go to `docker compose`: deploy/start.sh --profile ib starts the gateway too.
set -eu
cd "$(dirname "$0")"
./secrets.sh
exec docker compose "$@" up --detach --build --wait
