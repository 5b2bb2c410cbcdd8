#!/bin/sh
# Prints the newest Python from 3.11 on that really runs; called by create-venv.sh.
set -eu

for name in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    path=$(command -v "$name" 2>/dev/null) || continue
    # A name on PATH may be a version manager's shim for a Python that is not switched on: ask it.
    if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$path"
        exit 0
    fi
done
echo "Python 3.11 or newer is needed and was not found on PATH (or name one: make run PYTHON=/path/to/python3)." >&2
exit 1
