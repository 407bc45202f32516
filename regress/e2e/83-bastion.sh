#!/bin/bash
# SPDX-License-Identifier: ISC
# A jump host loses nothing: ssh -J to target with a shell in it, and streams by
# -D and -W, over CRASHES (2) crashes at moments drawn from SEED. `make bastion`:
# 50 of them, and 200 MB by -D.
# timeout: 150
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
crashes=${CRASHES:-2} mb=${MB:-1}
RANDOM=${SEED:=$((RANDOM << 15 | RANDOM))}
echo "seed $SEED"
lab_up --input hold

serve_streams
capture target nested tcp port 22
nested_job=$capture_job nested_pid=$capture_pid
master m vip -D 127.0.0.1:7001
login j target -J vip
check "j: answers" shell_answers j 5000
is "j: is at" "$shell_host" target
shell=$(shell_pid j)
adoptable 2
stream d "7001/$TARGET:7000" none 2000000
stream both "7001/$TARGET:7000" 500000 500000
stream keys "7001/$TARGET:7000" 2000 2000
# What it doesn't read is in all the buffers on the way, at each crash.
stream late "7001/$TARGET:7000" 8000000 0 late
stream file "7001/$TARGET:7000" none file late
stream_w w m 500000 500000
streams_run
for ((i = 1; i <= crashes; i++)); do
	sleep "$(printf '0.%03d' $((RANDOM % 1000)))"
	pty j "send echo typed-\$(($i+40))\\r"
	crash_serving
	check "$i: what was typed at the crash runs" pty j "expect 15000 typed-$((i + 40))"
	is "$i: the same shell" "$(shell_pid j)" "$shell"
	check "$i: the same client process" pty j alive
	((i == crashes)) || { lab boot "$victim"; adoptable 2; }
done
sent() {
	sed -n '$s/sent //p' "$scratch/stream-late.out"
}
before=$(sent)
check "what goes up doesn't wait for what comes down" within 10 eval \
	'(($(sent) > before + 8000000))'
end_streams 60
capture_job=$nested_job capture_pid=$nested_pid stop_capture
is "j: beginnings, resets and ends that target saw" "$(captured nested \
	'tcp[tcpflags] & (tcp-syn|tcp-rst|tcp-fin) != 0' |
	sed -n 's/.* Flags \(\[[^]]*\]\).*/\1/p' | tr '\n' ' ')" '[S] [S.] '
check "$mb MB by -D" eval '[[ ${said_of[d]} == "ok "* ]] &&
	((${said_of[d]##* } >= mb * 1000000))'
target_saw_nothing 6
done_testing
