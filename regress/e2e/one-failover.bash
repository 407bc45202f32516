# SPDX-License-Identifier: ISC
# One interactive session through one power cut. Set $alias (a name of
# SSH_CONFIG) and $options (of ssh) first; source fencing.bash, too.
lab_up
login a "$alias" "${options[@]}"
check "working directory" pty a 'send cd /usr/share\r'
check "prompt" pty a 'expect 5000 \$ $'
check "a window size of its own" pty a 'resize 33 101'
check "the shell answers" shell_answers a 5000
is "served by" "$shell_host" alpha
capture client resets "tcp port 22 and (tcp[tcpflags] & tcp-rst != 0)"
crash_serving
stall a "$survivor" "$died"
stop_capture
is "resets on the client's wire" "$(captured resets | wc -l)" 0
check "the session says what happened" grep -q "jeebs: host $victim failed at .* a new shell on $survivor in /usr/share" "$scratch/pty-a.out"
refuses "nothing but CR LF ends its line" grep -aq $'jeebs: host.*\r\r$' \
	"$scratch/pty-a.out"
check "and that does" grep -aq $'jeebs: host.*\r$' "$scratch/pty-a.out"
check "ask" pty a 'send pwd; stty size\r'
check "the same directory, the same window" pty a 'expect 5000 /usr/share\s+33 101'
check "prompt" pty a 'expect 5000 \$ $'
no_login_on_survivor
# Many keys, each echoed alone: numbers and nonces go on right.
check "typing on" pty a "type 2000 $(head -c 60 /dev/zero | tr '\0' q)"
pty a 'send \x15'
check "bulk" pty a 'send seq 20000 | tail -n 1; seq 20000 | md5sum\r'
check "bulk arrives" pty a "expect 10000 $(seq 20000 | md5sum | cut -c 1-32)"
pty a 'send exit\r'
check "logout" pty a 'wait 5000'
is "exit status" "$(jq .status <<<"$pty_answer")" 0
pty_stop a
done_testing
