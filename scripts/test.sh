#!/usr/bin/env bash
# Installs what the tests need, checks, tests with the arguments given, and leaves nothing behind but .venv-test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh
for name in ${!ALVH_@}; do # the caller's configuration is not the tests'; where the browser is, they may know
  [ "$name" = ALVH_CHROMIUM ] || unset "$name"
done

scripts/system.sh
scripts/node.sh
checked=yes
scripts/check.sh || checked="" # the tests are told of all the same
[ -x .venv-test/bin/pytest ] || exit 1
PATH="$PWD/.venv-test/bin:$PATH"

# Short, as the path of a unix socket must fit in about a hundred characters.
scratch=$(mktemp -d /tmp/alvh.XXXXXX)
chmod 711 "$scratch" # a mosquitto that root starts reads its files as another user
trap 'rm -rf "$scratch"' EXIT
TMPDIR=$scratch pytest --basetemp="$scratch/t" "$@" </dev/null
if [ -z "$checked" ]; then
  echo "make: the tests passed, but not the check; see above" >&2
  exit 1
fi
