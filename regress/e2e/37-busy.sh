#!/bin/bash
# SPDX-License-Identifier: ISC
# Power cuts (CRASHES: 3) in the middle of a flood of output and of an upload on
# the same connection: no byte of the output is missing, twice there or wrong up
# to the cut, and the connection goes on. Then an upload as fast as it goes, where
# the standby's tap may miss packets: adopted, or ended with that reason.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip -M -S "$scratch/mux"

# Numbers in a row up to the message; the last may be cut.
in_a_row() {
	tr -d '\r' <"$scratch/flood.out" | awk '
		/^jeebs: host/ { said = 1; exit }
		/^[0-9]+$/ {
			if (n++ && $1 != last + 1) {
				if (cut) exit
				cut = 1; part = $1; want = last + 1
			} else if (cut) {
				exit
			}
			last = $1
		}
		END {
			if (cut && index(want "", part "") != 1) n = 0
			print (said && n > 1000) ? "yes" : "no: " n " numbers, " last
			exit
		}'
}

for ((crash = 1; crash <= ${CRASHES:-3}; crash++)); do
	size=$(stat -c %s "$scratch/pty-a.out")
	# An upload on the same connection, through the crash.
	lab exec client -- bash -c "while head -c 20000 /dev/zero; do sleep 0.01; done |
		ssh -F '$SSH_CONFIG' -S '$scratch/mux' vip 'cat >/dev/null'" \
		2>"$scratch/upload.out" &
	upload=$!
	pty a 'send seq 1 1000000000\r'
	# no pattern: the flood is faster than the window that expect looks at
	check "the flood runs" within 5 eval \
		'(($(stat -c %s "$scratch/pty-a.out") > size + 100000))'
	pty a "sleep $((RANDOM % 400))"
	crash_serving
	check "a new shell" pty a "expect 15000 new shell on $survivor"
	pty a 'expect 5000 \$ $' || :
	lives a
	wait "$upload" && status=0 || status=$?
	is "the upload ends with" "$status" 255
	tail -c "+$((size + 1))" "$scratch/pty-a.out" >"$scratch/flood.out"
	is "crash $crash: numbers in a row" "$(in_a_row)" yes
	lab boot "$victim"
done

login fast vip -M -S "$scratch/mux-fast"
lab exec client -- bash -c "cat /dev/zero | ssh -F '$SSH_CONFIG' \
	-S '$scratch/mux-fast' vip 'cat >/dev/null'" 2>"$scratch/upload.out" &
upload=$!
pty fast 'sleep 700'
crash_serving
wait "$upload" && status=0 || status=$?
is "the fast upload ends with" "$status" 255
if shell_answers fast 15000; then
	is "fast: adopted by" "$shell_host" "$survivor"
else
	check "fast: ended" pty fast 'wait 1000'
	check "fast: with the reason in the log" log_has "$survivor" jeebsd.log \
		'session of lab from .* reset: client byte in flight never seen'
fi
lives a
done_testing
