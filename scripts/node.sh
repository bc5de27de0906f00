#!/usr/bin/env bash
# Installs what the tests run with Node.js, from a hash-locked list; without npm those tests are skipped, and a line says so.
set -euo pipefail
cd "$(dirname "$0")/../tests/node"

if ! command -v npm >/dev/null 2>&1; then
  echo "npm is missing: the JavaScript subscriber and the AsyncAPI document are not tested; install nodejs and npm" >&2
  exit 0
fi
stamp=node_modules/.stamp
wanted=$(cksum package-lock.json; node --version)
[ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && exit 0
echo "installing the Node.js packages of the tests"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
printf '%s' "$wanted" >$stamp
