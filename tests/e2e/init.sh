#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Process 1 of a throw-away host: its own files over the machine's, a name, a loopback; then it
# only collects what its children leave. $1: the host's disk, $2: its name.
set -eu
disk=$1
mount --make-rprivate /
# /etc is the machine's but for two folders; no mount point is made outside the host's disk.
mount --bind /etc "$disk/machine-etc"
for entry in /etc/* /etc/.[!.]*; do
	name=${entry##*/}
	[ -e "$disk/etc/$name" ] || [ -L "$disk/etc/$name" ] ||
		ln -s "$disk/machine-etc/$name" "$disk/etc/$name"
done
while read -r place; do
	mount --bind "$disk/$place" "/$place"
done <"$disk/places"
# TCG everywhere alike; and libvirtd asks QEMU anew at every step while it and QEMU do not agree
# on whether KVM can be had.
if [ -e /dev/kvm ]; then
	install -m 0 /dev/null "$disk/no-kvm"
	mount --bind "$disk/no-kvm" /dev/kvm
fi
hostname "$2"
ip link set lo up
touch "$disk/booted"
trap : CHLD TERM
while :; do
	sleep 3600 &
	wait $! || :
done
