#!/usr/bin/env bash
# Installs what PintGlas is measured against: restic, borg, casync and rsync from Debian (as root), and Kubo, built from
# its Go module where there is a Go. The benchmark leaves out what is missing, and says so. May run again at any time.
set -u
missing=()
for program in restic:restic borg:borgbackup casync:casync rsync:rsync zstd:zstd; do
  command -v "${program%%:*}" >/dev/null || missing+=("${program##*:}")
done
[ -x /usr/bin/time ] || missing+=(time) # what each costs
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
  else
    echo "Not installed, for it takes root and Debian: ${missing[*]}" >&2
  fi
fi
"$(dirname "$0")/../kubo/build.sh"
