#!/usr/bin/env bash
# Installs Debian's Chromium for the browser tests. Where that is not possible the tests say so.
set -euo pipefail
exec "$(dirname "$0")/install-package.sh" /usr/bin/chromium chromium fonts-dejavu-core
