#!/usr/bin/env bash
# Installs what the tests need, checks, tests with the arguments given, and leaves nothing behind but .venv-test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh
for name in ${!ALVH_@}; do unset "$name"; done # the caller's configuration is not the tests'

scripts/system.sh
scripts/check.sh
PATH="$PWD/.venv-test/bin:$PATH"

# Short, as the path of a unix socket must fit in about a hundred characters.
scratch=$(mktemp -d /tmp/alvh.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
TMPDIR=$scratch pytest --basetemp="$scratch/t" "$@" </dev/null
