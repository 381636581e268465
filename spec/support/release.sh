#!/bin/sh
# Runs `make scan` and `make test` on a bare release of Debian or Ubuntu, from nothing:
#   sh spec/support/release.sh RELEASE FOLDER [root|user]
# debootstrap builds the release in FOLDER/RELEASE: make, a shell and what they need. The tree is copied into it, and
# root, or a user who has sudo, runs make there. Mounts and processes live in namespaces of their own and end with
# this script, whatever ends it. MIRROR names another mirror. It must not know which packages or specs there are.
set -eu

[ "$(id -u)" = 0 ] || exec sudo MIRROR="${MIRROR:-}" sh "$0" "$@"

release=$1
as=${3:-root}
tree=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$2"
root=$(cd "$2" && pwd)/$release
SCRIPTS=/usr/share/debootstrap/scripts

# Debian's releases have no package with Ubuntu's keys, so they come from Ubuntu, by a checksum. The archive's key among
# them is F6EC B376 2474 EDA9 D21B 7022 8719 20D1 991B C93C.
UBUNTU_KEYS=pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
UBUNTU_KEYS_SHA256=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8

has_release() {
  wget -q --tries=2 --timeout=20 --spider "$1/dists/$release/InRelease"
}

# bare MIRROR COMPONENTS SCRIPT [OPTION]: a release in $root that has make, and nothing that make did not ask for.
bare() {
  echo "resum: building a bare $release in $root" >&2
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase --include=make --components="$2" ${4:-} "$release" "$root" "$1" "$SCRIPTS/$3" \
    >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
}

# sources COMPONENTS MIRROR SUITE [MIRROR SUITE]…
sources() {
  components=$(echo "$1" | tr , ' ')
  shift
  while [ $# -gt 0 ]; do
    echo "deb $1 $2 $components"
    shift 2
  done >"$root/etc/apt/sources.list"
}

debian() {
  bare "$1" main sid
  sources main "$1" "$release" "$1" "$release-updates" "$1-security" "$release-security"
}

ubuntu() {
  keys=$root.keys
  wget -q -O "$keys.deb" "$1/$UBUNTU_KEYS"
  echo "$UBUNTU_KEYS_SHA256  $keys.deb" | sha256sum --check --quiet
  dpkg-deb -x "$keys.deb" "$keys"
  bare "$1" main,universe gutsy "--keyring=$keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
  rm -r "$keys" "$keys.deb"
  sources main,universe "$1" "$release" "$1" "$release-updates" "$1" "$release-security"
}

build() {
  debian=${MIRROR:-http://deb.debian.org/debian}
  ubuntu=${MIRROR:-http://archive.ubuntu.com/ubuntu}
  if has_release "$debian"; then
    debian "$debian"
  elif has_release "$ubuntu"; then
    ubuntu "$ubuntu"
  else
    echo "resum: neither $debian nor $ubuntu has $release" >&2
    exit 1
  fi
}

# What an installer writes, and debootstrap does not.
settle() {
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 %s\n' "$(uname -n)" >"$root/etc/hosts"
  mkdir -p "$root/srv/resum"
  tar -C "$tree" --exclude=./build --exclude=./.git -c . | tar -C "$root/srv/resum" -x --no-same-owner
}

# What Debian gives root; this machine's may name folders of its own.
ROOT_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# inside COMMAND: in namespaces of its own, which end with this script; with no signal ignored.
inside() {
  setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child sh -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    exec env -i --default-signal HOME=/root LANG=C.UTF-8 PATH="$3" \
      chroot "$1" /bin/sh -euc "$2"' sh "$root" "$1" "$ROOT_PATH"
}

RUN='cd /srv/resum; make scan; make test'

build
settle
inside 'apt-get -q update' >>"$root.log"
if [ "$as" = user ]; then
  inside '
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends sudo
    useradd --create-home --shell /bin/sh auditor
    echo "auditor ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/auditor
    chown -R auditor /srv/resum' >>"$root.log" 2>&1
  RUN="exec su --login auditor -c 'set -e; $RUN'"
fi
status=0
inside "$RUN" || status=$?
inside "dpkg-query -W -f='\${Package} \${Version}\n' openssl lua5.4 lua-luv nmap nginx haproxy gnutls-bin" || true
echo "resum: $release, make scan and make test as $as: $([ $status = 0 ] && echo passed || echo "failed, see $root")"
exit $status
