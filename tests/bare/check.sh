#!/usr/bin/env bash
# Check the setup on a bare machine: a minimal Debian root with python3, python3-venv, make, git, and ca-certificates.
#
#   make check-bare            (as root, with debootstrap)
#
# The root takes from this machine what it needs to reach the package indexes: resolv.conf, the CA bundle, the
# configuration of apt, pip, and Go, and the matching environment variables. BARE_ROOT names a folder to keep the root in.
set -euo pipefail
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
if [ -z "${KEYWAY_BARE_INSIDE:-}" ]; then
    # In its own mount namespace, so that all mounts end with this script.
    exec env KEYWAY_BARE_INSIDE=1 unshare --mount --propagation private "$0" "$@"
fi

root=${BARE_ROOT:-$(mktemp --directory --tmpdir="${TMPDIR:-/var/tmp}" keyway-bare-XXXXXX)}
[ -n "${BARE_ROOT:-}" ] || trap 'umount --recursive "$root" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null || true)
mirror=$(grep -v '^#' <<<"$sources" | grep -oE 'https?://[^ ]+/debian\b' | head -1)
if [ ! -x "$root/usr/bin/make" ]; then
    debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates bookworm "$root" "$mirror" \
        >"$root.log" 2>&1 || { tail -20 "$root.log" >&2; exit 1; }
    rm -f "$root.log"
fi

# The root must be a mount point, or the tests inside it could not create mount namespaces.
mount --bind "$root" "$root"
mount --bind /proc "$root/proc"
mount --rbind /dev "$root/dev"
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
mkdir -p "$root/etc/ssl/certs" "$root/root/.config"
cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
for name in pip go; do
    [ ! -d "$HOME/.config/$name" ] || cp --recursive --no-target-directory "$HOME/.config/$name" "$root/root/.config/$name"
done
rm -rf "$root/keyway"
git clone --quiet --no-hardlinks "$repository" "$root/keyway"

mapfile -t variables < <(env | grep -E '^(PIP|SSL_CERT|GO(PROXY|FLAGS|SUMDB|NOSUMDB|PRIVATE|TOOLCHAIN))\w*=|^(https?|no|all)_proxy=|_CA_BUNDLE=' \
    | grep -v '^PIP_FIND_LINKS=')
exec_in_root() {
    chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${variables[@]}" "$@"
}
exec_in_root bash /keyway/tests/bare/steps.sh
