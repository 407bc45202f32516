#!/bin/bash
# SPDX-License-Identifier: ISC
# A forwarded connection to the host itself ends cleanly; the shell beside it and later forwards
# on the same connection work.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip -L 127.0.0.1:9000:127.0.0.1:22
lab exec client -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/9000 && head -n 1 <&3 &&
	echo open && cat <&3 >/dev/null && echo eof' >"$scratch/forward.out" 2>&1 &
job=$!
check "the forward works" within 5 grep -q '^open' "$scratch/forward.out"
crash_serving
lives a
check "the forwarded connection ends" within 5 eval '! kill -0 $job 2>/dev/null'
check "with end of file" grep -q '^eof' "$scratch/forward.out"
check "a new one works" eval 'lab exec client -- bash -c \
	"exec 3<>/dev/tcp/127.0.0.1/9000 && timeout 5 head -n 1 <&3" | grep -q ^SSH-2.0'
check "the shell goes on" shell_answers a 5000
done_testing
