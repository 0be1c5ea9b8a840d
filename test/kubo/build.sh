#!/usr/bin/env bash
# Builds Kubo of the version in go.mod into ~/.cache/pintglas-kubo (or $PINTGLAS_KUBO), where tests and benchmark look
# for it, and prints where it is. What was built before is left as it is; else it takes three minutes of two cores.
set -eu
cd "$(dirname "$0")"
folder=${PINTGLAS_KUBO:-${XDG_CACHE_HOME:-$HOME/.cache}/pintglas-kubo}
# A new version, or other modules below it, is another program.
program=$folder/ipfs-$(sha256sum go.mod | cut -c 1-12)
if [ ! -x "$program" ]; then
  command -v go >/dev/null || { echo 'Kubo is not built: there is no go on this machine' >&2; exit 1; }
  mkdir -p "$folder"
  go build -trimpath -buildvcs=false -o "$program.$$" github.com/ipfs/kubo/cmd/ipfs
  mv "$program.$$" "$program"
fi
echo "$program"
