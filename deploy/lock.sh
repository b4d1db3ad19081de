#!/bin/sh
# Writes requirements.lock: every dependency of the image with its hashes.
set -eu
cd "$(dirname "$0")/.."
uv pip compile setup.py deploy/build.in --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --generate-hashes --quiet --custom-compile-command deploy/lock.sh --output-file deploy/requirements.lock
