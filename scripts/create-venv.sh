#!/bin/sh
# create-venv.sh DIRECTORY: makes the virtual environment; called by make.
set -eu
here=$(dirname "$0")

python=$(sh "$here/find-python.sh")
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sh "$here/system-packages.sh" python3-venv # Debian keeps these two modules in a package of their own
fi
echo "==> $("$python" --version): making $1"
"$python" -m venv --clear "$1"
