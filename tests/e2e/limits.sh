#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program under the limits of a systemd unit, as far as they can be had without systemd.
#
#	unshare -m sh limits.sh UNIT FOLDER PROGRAM [ARGUMENT...]
#
# The mounts are the program's own, and end with it. FOLDER is the test's and stays to be seen;
# $VTPM_STEPS, which lies in it, may be written. What the unit says is read from it alone; what of
# it is not had here is in `left_out`, above all both filters (of system calls and of address
# families). A key that is neither done nor left out is an error.
set -eu
unit=$1 folder=$2 program=$3
shift 3

left_out=' Type ExecStart Restart RestartSec RuntimeDirectoryPreserve PrivateDevices ProtectClock
 ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables
 ProtectControlGroups RestrictAddressFamilies RestrictNamespaces RestrictRealtime
 RestrictSUIDSGID LockPersonality MemoryDenyWriteExecute SystemCallArchitectures
 SystemCallFilter SystemCallErrorNumber '

fail() {
	echo "limits.sh: $unit: $*" >&2
	exit 1
}

# ---- what the unit says ----

RuntimeDirectoryMode=0755 StateDirectoryMode=0755 ConfigurationDirectoryMode=0755
RuntimeDirectory='' StateDirectory='' ConfigurationDirectory='' UMask='' LimitMEMLOCK=''
ReadWritePaths='' CapabilityBoundingSet='' before=''

take() {
	case $1 in
	ProtectSystem) [ "$2" = strict ] || fail "$1=$2" ;;
	NoNewPrivileges | PrivateTmp | ProtectHome) [ "$2" = yes ] || fail "$1=$2" ;;
	LimitCORE) [ "$2" = 0 ] || fail "$1=$2" ;;
	RuntimeDirectory | StateDirectory | ConfigurationDirectory | RuntimeDirectoryMode | \
		StateDirectoryMode | ConfigurationDirectoryMode | UMask | LimitMEMLOCK)
		eval "$1=\$2"
		;;
	ReadWritePaths | CapabilityBoundingSet) eval "$1=\"\$$1 \$2\"" ;;
	ExecStartPre) # outside of the limits, and it may fail; no other kind is known
		[ "${2#-+}" != "$2" ] || fail "$1=$2"
		before="$before${2#-+} || :
"
		;;
	*) case $left_out in *[[:space:]]"$1"[[:space:]]*) ;; *) fail "unknown: $1" ;; esac ;;
	esac
	said="$said $1"
}

said='' section=''
while IFS= read -r line; do
	case $line in
	'['*) section=$line ;;
	'' | '#'*) ;;
	*\\) fail "a line that goes on: $line" ;;
	*) [ "$section" != '[Service]' ] || take "${line%%=*}" "${line#*=}" ;;
	esac
done <"$unit"
for key in ProtectSystem NoNewPrivileges PrivateTmp ProtectHome LimitCORE LimitMEMLOCK UMask \
	CapabilityBoundingSet; do
	case "$said " in *" $key "*) ;; *) fail "no $key" ;; esac
done

# ---- directories ----

eval "$before"
cd /

# PATH MODE: the service's own.
own() {
	[ -d "$1" ] || mkdir -m "$2" "$1"
}

open=' '
writable() {
	mount --bind "$1" "$1"
	open="$open$1 "
}

own "/run/$RuntimeDirectory" "$RuntimeDirectoryMode"
own "/var/lib/$StateDirectory" "$StateDirectoryMode"
own "/etc/$ConfigurationDirectory" "$ConfigurationDirectoryMode"
for path in "/run/$RuntimeDirectory" "/var/lib/$StateDirectory" $ReadWritePaths \
	${VTPM_STEPS:+"$VTPM_STEPS"}; do
	[ "${path#-}" = "$path" ] || [ -e "${path#-}" ] || continue
	writable "${path#-}"
done
# shellcheck disable=SC2013 # words: a space in a path is spelled \040 there
for path in $(cut -d ' ' -f 5 /proc/self/mountinfo); do
	case $path in /dev | /dev/* | /proc | /proc/* | /sys | /sys/*) continue ;; esac
	case $open in *" $path "*) continue ;; esac
	mount -o remount,bind,ro "$path"
done

# The test's folder and the program may lie where the private directories are put.
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
: >"/var/tmp/${program##*/}"
mount --bind "$program" "/var/tmp/${program##*/}"
case $folder in
/tmp/*)
	mkdir -p "/var/tmp/${folder#/tmp/}"
	mount --rbind "$folder" "/var/tmp/${folder#/tmp/}"
	;;
esac
mount --rbind /var/tmp /tmp
for path in /home /root /run/user; do
	[ ! -d "$path" ] || mount -t tmpfs -o mode=0000,ro tmpfs "$path"
done

# ---- the process ----

caps=-all
for one in $CapabilityBoundingSet; do
	caps=$caps,+${one#CAP_}
done
case $LimitMEMLOCK in *M) locked=$((${LimitMEMLOCK%M} << 20)) ;; *) fail LimitMEMLOCK ;; esac
umask "$UMask"
exec prlimit --core=0 --memlock="$locked" setpriv --no-new-privs --inh-caps=-all \
	--bounding-set="$caps" "/tmp/${program##*/}" "$@"
