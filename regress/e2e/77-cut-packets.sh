#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut in the middle of a packet, of either direction, also of one of a
# key exchange and of scp's. The clients ask for compression, which a protected
# session is served without.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing --set sshd.Compression=yes
victim=alpha survivor=beta
gcm=(-o Ciphers=aes128-gcm@openssh.com)
# The first block is decrypted before the rest of a packet is there.
ctr=(-o Ciphers=aes128-ctr -o MACs=hmac-sha2-256)
head -c 64M /dev/urandom >"$scratch/file"
head -c 512K "$scratch/file" >"$scratch/piece"	# fits into a window
mkfifo "$scratch/silence"
exec 8<>"$scratch/silence"

# Half of an echo is on the wire.
for n in gcm ctr; do
	declare -n cipher=$n
	login "$n" "$family" "${cipher[@]}" -o Compression=yes -v -E "$scratch/login-$n.out"
	is "$n: compression" "$(grep -o 'compression: .*' "$scratch/login-$n.out" |
		sort -u | tr -d '\r')" 'compression: none'
	at_point part-written
	pty "$n" 'send x'
	reached "$n"
done
# The client's packet has arrived in part.
in_pieces() {	# NAME BYTES
	pieces=(-o "ProxyCommand=$top/regress/e2e/dribble.py %h %p $scratch/pieces-$1 $2")
}
in_pieces input 1000
master input "${gcm[@]}" "${pieces[@]}" "$family"
touch "$scratch/pieces-input"
cut input input vip 'cat >/dev/null; sleep 1000' <"$scratch/piece"
in_pieces block 1000
master block "${ctr[@]}" "${pieces[@]}" "$family"
touch "$scratch/pieces-block"
cut block input-block vip 'cat >/dev/null; sleep 1000' <"$scratch/piece"
# So has the second one of its key exchange.
in_pieces kex 24
login kex "$family" "${ctr[@]}" "${pieces[@]}" -v -E "$scratch/login-kex.out"
at_point cut-kex-block
touch "$scratch/pieces-kex"
pty kex 'send \r~R'
reached kex
rm "$scratch"/pieces-*
# scp in the middle of a file.
scp_over() {
	local n=$1
	shift
	lab exec client -- timeout "$over_seconds" scp -l 40000 -F "$SSH_CONFIG" \
		-o "ControlPath=$scratch/$n.ctl" -o ControlMaster=no \
		-o ProxyCommand=false "$@" >"$scratch/cut-$n.err" 2>&1 <&8 &
	cut_job[$n]=$!
}
# scp dies of SIGPIPE, with 1, if its ssh is gone when it asks for the next piece; it is
# to hear of the end where it reads.
cat >"$scratch/ssh-for-scp" <<'END'
#!/usr/bin/python3
import socket, subprocess, sys
status = subprocess.call(["ssh"] + sys.argv[1:])
scp = socket.socket(fileno=0)
scp.shutdown(socket.SHUT_WR)
while scp.recv(65536):
    pass
sys.exit(status)
END
chmod +x "$scratch/ssh-for-scp"
lab exec alpha -- cp "$scratch/file" /home/file
in_pieces up 1000
master up "${pieces[@]}" "$family"
master down "$family"
scp_over up "$scratch/file" vip:copy
check "up: it has begun" within 10 lab exec alpha -- sh -c "test -s ~$USER_NAME/copy"
at_point cut-input
touch "$scratch/pieces-up"
reached up
rm "$scratch/pieces-up"
scp_over down -S "$scratch/ssh-for-scp" vip:/home/file "$scratch/copy"
check "down: it has begun" within 10 test -s "$scratch/copy"
at_point part-written
reached down
lab crash alpha
for n in gcm ctr kex; do
	lives "$n"
done
cut_ends input 255
cut_told input
cut_ends block 255
cut_told block
check "kex: the exchange ends" within 5 eval \
	'(($(grep -c "SSH2_MSG_NEWKEYS received" "$scratch/login-kex.out") == 2))'
pty kex 'send \r~R'
check "kex: so does the next one" within 5 eval \
	'(($(grep -c "SSH2_MSG_NEWKEYS received" "$scratch/login-kex.out") == 3))'
check "kex: the shell goes on" shell_answers kex 5000
cut_ends up 1
cut_ends down 255
check "neither has come to its end" eval '(($(stat -c %s "$scratch/copy") < 64 << 20))'
check "down: what came of the file is right" cmp -n "$(stat -c %s "$scratch/copy")" \
	"$scratch/copy" "$scratch/file"
# scp's ssh may end before it read all that scp wrote to it: that resets their
# socket pair, and scp says so.
refuses "no client heard of a reset" eval \
	'grep -Ei "reset by peer|broken pipe|corrupted" "$scratch"/*.err \
		"$scratch"/master-*.out "$scratch"/login-*.out |
		grep -Ev ":scp: (Read packet|Couldn.t send packet): "'
no_login_on_survivor
done_testing
