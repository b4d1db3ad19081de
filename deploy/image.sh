#!/bin/sh
# What the image is made by, on a minimal Debian, as root. The Dockerfile and tests/jobs/test_image.py run it.
#
#   image.sh install SOURCE    newsmill and the packages of requirements.lock in /opt/newsmill; needs python3 and
#                              python3-venv. Each package is checked by its hash and none is compiled; langdetect, pure
#                              Python without a wheel, is packed by setuptools.
#   image.sh user              the user that runs it, and the folder of the lake; needs python3
set -eu
case ${1:-} in
  install)
    python3 -m venv /opt/newsmill
    pip="/opt/newsmill/bin/pip --quiet --disable-pip-version-check --no-cache-dir"
    $pip install --require-hashes --no-deps --only-binary=:all: -r "$2/requirements-build.lock"
    $pip install --require-hashes --no-deps --only-binary=:all: --no-binary=langdetect --no-build-isolation --use-pep517 \
      -r "$2/requirements.lock"
    $pip install --no-deps --no-build-isolation "$2"
    $pip uninstall --yes setuptools pip
    ;;
  user)
    groupadd --gid 10001 newsmill
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin newsmill
    install -d -o 10001 -g 10001 -m 0750 /lake
    ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
