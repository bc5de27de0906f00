#!/usr/bin/env bash
# Installs, through the system's package manager, the programs that the tests need and do not find.
#
# Exit code 1, and a line that says what to do, where redis-server, mosquitto or Python cannot be had. Without
# prometheus or a browser the tests that need them are skipped, and a line says so.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh

has() { command -v "$1" >/dev/null 2>&1; }

has_browser() {
  for name in "${ALVH_CHROMIUM:-chromium}" chromium chromium-browser google-chrome google-chrome-stable; do
    has "$name" && return 0
  done
  [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ]
}

# The packages of a manager for what is missing, one a line: wanted REDIS MOSQUITTO CLIENTS PROMETHEUS ALERTMANAGER BROWSER NODE...
wanted() {
  has redis-server || echo "$1"
  has mosquitto || echo "$2"
  has mosquitto_pub || echo "$3"
  has prometheus || echo "$4"
  has amtool || echo "$5"
  has_browser || echo "$6"
  has npm || printf '%s\n' "${@:7}"
}

# The packages of Debian that Python needs for a virtual environment.
wanted_python() {
  local python
  if ! python=$(scripts/python.sh 2>/dev/null); then
    printf '%s\n' python3 python3-venv
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# The servers' packages would start services of their own on the well-known ports; Debian asks this file first.
POLICY=/usr/sbin/policy-rc.d
policy_is_ours=""
hold_services() {
  if [ ! -e "$POLICY" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null && as_root chmod +x "$POLICY" && policy_is_ours=yes
  fi
}
release_services() { [ -z "$policy_is_ours" ] || as_root rm -f "$POLICY"; }
trap release_services EXIT

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null 2>&1 </dev/null
}

install_apt() {
  local packages
  packages=$(wanted redis-server mosquitto mosquitto-clients prometheus prometheus-alertmanager chromium nodejs npm; wanted_python)
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    return 0
  fi
  echo "installing" $packages
  hold_services
  apt_get update
  # shellcheck disable=SC2086 (one word a package)
  apt_get install --yes --no-install-recommends $packages && return 0
  for package in $packages; do
    apt_get install --yes --no-install-recommends "$package"
  done
}

install_brew() {
  local packages
  packages=$(wanted redis mosquitto mosquitto prometheus "" "" node | sort -u)
  scripts/python.sh >/dev/null 2>&1 || packages="$packages python@3.13"
  for package in $packages; do
    echo "installing $package"
    brew install --quiet "$package" >/dev/null 2>&1 </dev/null
  done
  has_browser || brew install --quiet --cask google-chrome >/dev/null 2>&1 </dev/null
}

if has apt-get; then
  install_apt
  how="as root: apt-get install"
elif has brew; then
  install_brew
  how="brew install"
else
  how="with your package manager, install"
fi

lacking=""
has redis-server || lacking="$lacking redis-server"
has mosquitto && has mosquitto_pub || lacking="$lacking mosquitto mosquitto-clients"
if [ -n "$lacking" ]; then
  echo "make: the tests need programs that are missing; $how$lacking" >&2
  exit 1
fi
has prometheus || echo "make: no prometheus, so its tests are skipped; $how prometheus" >&2
has amtool || echo "make: no alertmanager, so its tests are skipped; $how prometheus-alertmanager" >&2
has_browser || echo "make: no browser, so the page's tests are skipped; $how chromium (Ubuntu: snap install chromium)" >&2
scripts/python.sh >/dev/null
