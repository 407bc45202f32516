#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut with a channel in each of the states that a record can find it
# in: opening, open, with EOF or CLOSE sent one or both ways, with the client's
# window closed, with the client's data not yet taken by the program.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing --set beta/sshd.LogLevel=DEBUG1
victim=alpha survivor=beta
mkfifo "$scratch/silence" "$scratch/unread"
exec 8<>"$scratch/silence" 9<>"$scratch/unread"
for n in larval eof-sent eof-received eof-both close-sent output window; do
	master "$n" vip
done
master opening -v -R 127.0.0.1:9300:127.0.0.1:9400 vip
master refused -v -R 127.0.0.1:9301:127.0.0.1:9 vip
master close-received -v vip
cut larval larval vip 'echo ran on $(hostname); exit 4' <&8
cut eof-sent eof-sent vip 'exec >&- 2>&-; sleep 1000' <&8
cut eof-received eof-received vip 'sleep 1000' </dev/null
# A client that hears of our end first says its own and CLOSE at once.
cut eof-both eof-both vip 'cat; exec >&- 2>&-; sleep 1000' </dev/null
cut close-sent close-sent vip 'echo all of it; exit 5' <&8
head -c 512K /dev/zero >"$scratch/zeros"
cut output output vip 'sleep 1000' <"$scratch/zeros"
# Nobody reads what it says.
at_point cut-window
over window vip 'seq 10000000' >&9 2>"$scratch/cut-window.err" </dev/null &
cut_job[window]=$!
reached window
# What the client connects to says of each connection that it is there, and how it ends.
lab exec client -- python3 -uc '
import socket
s = socket.create_server(("127.0.0.1", 9400))
print("ready")
while True:
    c, _ = s.accept()
    print("connection")
    print(len(c.recv(100)), "bytes")
' >"$scratch/opened.out" 2>&1 &
check "what the client connects to" within 10 grep -q ready "$scratch/opened.out"
for n in opening refused; do
	at_point cut-opening
	port=9300
	[[ $n == opening ]] || port=9301
	lab exec alpha -- bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; sleep 60" &
	reached "$n"
done
over close-received vip 'echo started; sleep 1000' \
	>"$scratch/cut-close-received.out" 2>/dev/null <&8 &
check "close-received: the command runs" within 10 \
	grep -q started "$scratch/cut-close-received.out"
at_point cut-close-received
lab exec client -- kill -KILL "$(lab exec client -- pgrep -f \
	"^ssh .*$scratch/close-received.ctl.* vip echo")"
reached close-received
lab crash alpha
cut_ends larval 4
is "larval: its output" "$(cat "$scratch/cut-larval.out")" 'ran on beta'
cut_ends eof-sent 255
cut_ends eof-received 255
cut_told eof-received
cut_ends eof-both 255
cut_ends close-sent 5
is "close-sent: its output" "$(cat "$scratch/cut-close-sent.out")" 'all of it'
cut_ends output 255
cut_told output
# It fits what the window let out, and the pipe to us holds less.
cat "$scratch/unread" >"$scratch/window.out" &
reader=$!
cut_ends window 255
cut_told window
check "window: all is read" within 5 eval \
	'[[ $(stat -c %s "$scratch/window.out") == $(sleep 0.3; stat -c %s "$scratch/window.out") ]]'
kill "$reader"
check "window: more than a pipe holds" test "$(stat -c %s "$scratch/window.out")" -gt 1000000
check "window: no byte is wrong" cmp -n "$(stat -c %s "$scratch/window.out")" \
	"$scratch/window.out" <(seq 10000000)
cut_lives opening
cut_lives refused
cut_lives close-received
is "opening: the client's connection, and its end" \
	"$(grep -v ready "$scratch/opened.out" | xargs)" "connection 0 bytes"
is "refused: so often" "$(grep -c 'port 9: failed' "$scratch/master-refused.out")" 1
is "refused: beta hears of it" "$(lab exec beta -- grep -c \
	'open failed: connect failed' /var/log/sshd.log)" 1
# lines FILE TEXT
lines() {
	grep -c ": channel [0-9]*: $2" "$1" || :
}
for n in opening refused close-received; do
	f=$scratch/master-$n.out
	check "$n: only the listener of its socket is left at the client" within 5 eval \
		'(($(lines "$f" new) == $(lines "$f" free:) + 1))'
done
for n in opening refused; do
	is "$n: opened so often" "$(lines "$scratch/master-$n.out" 'new forwarded-tcpip')" 1
done
beta_has_two() {
	lab exec beta -- cat /var/log/sshd.log >"$scratch/sshd"
	(($(lines "$scratch/sshd" new) == $(lines "$scratch/sshd" free:) + 2))
}
check "beta has no channel left but two that listen" within 5 beta_has_two
is "beta's listeners" "$(lines "$scratch/sshd" 'new port-listener')" 2
is "beta's channels" "$(lines "$scratch/sshd" new)" "$((12 + $(grep -c ' confirm session' "$scratch/sshd")))"
refuses "no client heard of a reset" eval 'cat "$scratch"/*.err "$scratch"/master-*.out |
	grep -v ^debug2: | grep -Ei "reset by peer|broken pipe|corrupted"'
no_login_on_survivor
done_testing
