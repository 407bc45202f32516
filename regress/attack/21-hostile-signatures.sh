#!/bin/bash
# SPDX-License-Identifier: ISC
# A user's process and what it could turn into authority: MON's signatures,
# MON's channel to jeebsd, the sockets of jeebsd and sshd-adopt, descriptors that
# it inherited.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab

# MON ends the session that asks for more than sshd ever does.
unsigned() {
	hostile "$1"
	check "$1: MON refuses" within 10 sshd_said "mm_answer_sign: bad data length: $2"
	refuses "$1: no signature" sshd_said "$1: SIGNED"
	hostile_end
}
unsigned attack-sign-root 110
unsigned attack-sign-root-256 78
unsigned attack-sign-recovery 110
unsigned attack-sign-proof 1
# As long as an exchange hash: signed, like in every sshd; it can't be taken for
# a root record or a recovery key (unit test: what_is_signed_is_nothing_that_pa_can_have_signed).
hostile attack-sign-hash
check "a signature of 64 bytes is given" within 10 sshd_said 'attack-sign-hash: SIGNED'
hostile_end

hostile attack-every-descriptor
check "a root record was tried on every descriptor" within 10 \
	sshd_said 'attack-every-descriptor: no more descriptors'
check "and there was one to try it on" sshd_said 'took a root record'
refuses "MON's channel to jeebsd is none of them" sshd_said 'export\.sock|adopt\.sock|ctl\.sock'
pa=$(tail -c "+$((sshd_mark + 1))" "$logs/alpha/log/sshd.log" |
	sed -n 's/.*attack-every-descriptor: begins, pid \([0-9]*\).*/\1/p')
mon=$(lab exec alpha -- awk '/^PPid/ { print $2 }' "/proc/$pa/status")
inodes() {
	lab exec alpha -- bash -c "ls -l /proc/$1/fd" |
		sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p' | sort -u
}
# The clients' ends of jeebsd's socket
lab exec alpha -- ss -xaH | awk '$2 == "ESTAB" && $5 ~ /export\.sock$/ { print $8 }' |
	sort -u >"$scratch/channels"
is "MON has a channel to jeebsd" \
	"$(comm -12 <(inodes "$mon") "$scratch/channels" | wc -l)" 1
is "the user's process has none" \
	"$(comm -12 <(inodes "$pa") "$scratch/channels" | wc -l)" 0
check "the session stays protected" within 10 eval \
	'session_of lab | grep -q "\"protected\":true"'
hostile_end

hostile attack-mon
check "messages of all kinds to MON" within 10 sshd_said 'attack-mon: [0-9]+ messages'
check "the session stays protected" within 10 eval \
	'session_of lab | grep -q "\"protected\":true"'
hostile_end

hostile attack-sockets
for s in export adopt ctl; do
	check "$s.sock is closed to users" within 10 \
		sshd_said "attack-sockets: connect $s.sock: Permission denied"
done
hostile_end
nothing_broke
done_testing
