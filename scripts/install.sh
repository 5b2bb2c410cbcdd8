#!/bin/sh
# install.sh VENV LOCK: installs what the lock names, each file checked against its hash, then this repository
# itself (editable). The build backend stands in the lock too, so nothing unlocked is fetched. Called by make.
set -eu
pip="$1/bin/python -m pip --disable-pip-version-check --no-input -qq"

echo "==> installing $(grep -c '==' "$2") packages of $2 (under a minute the first time)"
$pip install --require-hashes --requirement "$2"
$pip install --no-deps --no-build-isolation --editable .
