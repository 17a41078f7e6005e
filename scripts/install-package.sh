#!/usr/bin/env bash
# install-package.sh PROGRAM PACKAGE...: installs packages of Debian unless PROGRAM is there. Where
# that is not possible, says so and ends well: tests that need it are skipped with the reason.
set -euo pipefail
program=$1
shift
if [ -x "$program" ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$program is missing and cannot be installed here: apt-get install $*" >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
