# SPDX-License-Identifier: ISC
# Recovery keys that are replaced at once. Source it after fencing.bash, with a lab.

# rotation_up N: beta's sshd-adopt gives N keys, the first by now, the next ones when
# an_hour_later says so.
rotation_up() {
	build_ahead sshd-adopt CLOCK_BOOTTIME
	end_sshd beta
	LD_PRELOAD=$scratch/ahead.so start_sshd beta
	check "sshd-adopt is back" within 10 eval \
		'(($(lab exec beta -- grep -c "adopt.sock: connected" /var/log/jeebsd.log) == 2))'
	ask "$1" >"$scratch/keys.out" &
	check "its key" within 5 keys 1
}

# ask N: sshd-adopt for its key, and for new ones, up to N of them.
ask() {
	lab exec beta -- timeout 60 python3 -uc '
import hashlib, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/jeebs/adopt.sock")
for _ in range(int(sys.argv[1])):
    print(hashlib.sha256(s.recv(65536)).hexdigest())' "$1"
}
keys() {
	(($(sort -u "$scratch/keys.out" | wc -l) == $1))
}

# an_hour_later N: there is key N.
an_hour_later() {
	set_ahead "$((3600 * ($1 - 1)))"
	# It sleeps until then otherwise.
	ask 1 >"$scratch/key.out"
	check "key $1" within 5 keys "$1"
}
