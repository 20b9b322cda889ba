#!/bin/sh
# What an image is made of, on Debian 13, as root: the locked environment of the checkout in /opt/mopro, with Debian's copy
# of the miniature's largest source of images, so that no run needs a network. CUDA comes with torch's wheels; the driver
# is the machine's.
set -eu

apt-get update
apt-get install --yes --no-install-recommends ca-certificates git make python3 python3-venv dataset-fashion-mnist
rm -rf /var/lib/apt/lists/*

git config --system --add safe.directory /opt/mopro # records name the commit, whoever runs
make -C /opt/mopro clean environment
