#!/bin/sh
# system-packages.sh PACKAGE...: makes sure that these programs of the operating system are there. As root on Debian
# or Ubuntu the missing ones are installed; elsewhere one line says what to install. Called by make and tests/servers.py.
set -eu

present() {
    case $1 in
        redis-server) command -v redis-server ;;
        postgresql) for initdb in $(command -v initdb) /usr/lib/postgresql/*/bin/initdb; do [ -x "$initdb" ] && return 0; done; return 1 ;;
        gcc) command -v cc ;;
        libc6-dev) echo "#include <stdio.h>" | cc -E - ;;
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        *) return 1 ;;
    esac >/dev/null 2>&1
}

missing=""
for package in "$@"; do
    present "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Please install:$missing (on Debian or Ubuntu: sudo apt-get install$missing)" >&2
    exit 1
fi

echo "==> installing by apt-get:$missing"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # the tests start servers of their own: the packages must not start theirs on the usual ports
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
else
    policy=""
fi
trap 'rm -f "$log" $policy' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words on purpose
if ! { apt-get update && apt-get install --yes --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
fi
