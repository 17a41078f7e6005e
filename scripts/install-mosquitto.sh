#!/usr/bin/env bash
# Installs Debian's Mosquitto for the tests of messages. Where that is not possible they say so.
set -euo pipefail
if [ -x /usr/sbin/mosquitto ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Mosquitto is missing and cannot be installed here: apt-get install mosquitto" >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto
# The package starts a broker on port 1883. Nobody asked for it, and tests start their own; where
# Mosquitto was installed before, the script has ended above and lets the service be.
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
    systemctl disable --now mosquitto.service
elif [ -x /etc/init.d/mosquitto ]; then
    service mosquitto stop || echo "Port 1883 may be taken by the broker of the package." >&2
    update-rc.d mosquitto disable
fi
