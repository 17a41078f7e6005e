#!/usr/bin/env bash
# Installs Debian's Mosquitto for the tests of messages. Where that is not possible they say so.
set -euo pipefail
mosquitto=/usr/sbin/mosquitto
if [ -x "$mosquitto" ]; then exit 0; fi
"$(dirname "$0")/install-package.sh" "$mosquitto" mosquitto
if [ ! -x "$mosquitto" ]; then exit 0; fi
# The package starts a broker on port 1883. Nobody asked for it, and tests start their own; where
# Mosquitto was installed before, the script has ended above and lets the service be.
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
    systemctl disable --now mosquitto.service
elif [ -x /etc/init.d/mosquitto ]; then
    service mosquitto stop || echo "Port 1883 may be taken by the broker of the package." >&2
    update-rc.d mosquitto disable
fi
