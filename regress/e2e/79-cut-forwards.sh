#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut with the channel of a forward in each of the states that a record
# can find it in: connecting, with bytes for the target, with the client's window
# closed, with EOF or CLOSE sent one or both ways. Each goes on, to the last byte.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing
victim=alpha survivor=beta

# Of each port what came, and how it ended. 1: says so when the other has ended.
# 2: ends first, and hears the other out. 3: sends much. 4: reads nothing until it is
# told to. 5: the same, and ends when it is told to. 6: greets. 7: reads nothing, says a byte when it
# is to, and then reads.
cat >"$scratch/target.py" <<'END'
import hashlib, os, socket, sys, threading, time
go = sys.argv[1]
def drain(c):
    h, n = hashlib.sha256(), 0
    while b := c.recv(65536):
        h.update(b)
        n += len(b)
    return f"{n} {h.hexdigest()}"
def one(c, port):
    try:
        if port == 7005:
            while not os.path.exists(go + "-7005"):
                time.sleep(0.05)
        if port in (7002, 7005):
            c.sendall(b"done\n")
            c.shutdown(socket.SHUT_WR)
        if port in (7004, 7005):
            while not os.path.exists(go):
                time.sleep(0.05)
        if port == 7007:
            while not os.path.exists(go + "-7007"):
                time.sleep(0.05)
            c.sendall(b"x")
            while not os.path.exists(go):
                time.sleep(0.05)
        if port == 7003:
            c.sendall(b"".join(b"%d\n" % i for i in range(1, 1000001)))
        if port == 7006:
            c.sendall(b"hello\n")
        got = drain(c)
        if port in (7001, 7004):
            c.sendall(got.encode() + b"\n")
        os.write(1, f"{port} {got}\n".encode())
    except OSError as e:
        os.write(1, f"{port} {e}\n".encode())
    c.close()
def serve(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    if port in (7004, 7005, 7007):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    os.write(1, f"{port} ready\n".encode())
    while True:
        c, a = s.accept()
        threading.Thread(target=one, args=(c, port), daemon=True).start()
for port in range(7001, 7008):
    threading.Thread(target=serve, args=(port,)).start()
END
lab exec target -- python3 "$scratch/target.py" "$scratch/go" >"$scratch/target.out" 2>&1 &
check "servers" within 15 eval '(($(grep -c ready "$scratch/target.out") == 7))'
deaf=(INPUT -p tcp --dport 7006 -j DROP)
lab exec target -- "$iptables" -w -A "${deaf[@]}"

# A client of -L: sends all and ends that direction; or does so when it has heard the
# other out and is told to; or sends all and breaks off when it is told to.
cat >"$scratch/client.py" <<'END'
import os, socket, struct, sys, time
port, way, file, go = int(sys.argv[1]), *sys.argv[2:]
def told(name):
    while not os.path.exists(name):
        time.sleep(0.05)
c = socket.create_connection(("127.0.0.1", port))
got = b""
if way == "late":
    while b := c.recv(65536):
        got += b
    told(go)
c.sendall(open(file, "rb").read())
if way == "break":
    told(go + "-break")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
else:
    c.shutdown(socket.SHUT_WR)
    while b := c.recv(65536):
        got += b
sys.stdout.buffer.write(got)
END
client() {
	lab exec client -- python3 "$scratch/client.py" "$2" "$3" "$scratch/bytes" \
		"$scratch/go" >"$scratch/cut-$1.out" 2>"$scratch/cut-$1.err" &
	cut_job[$1]=$!
}

mkfifo "$scratch/unread"
exec 9<>"$scratch/unread"
for n in connecting output window eof-received close-sent; do
	master "$n" "$family"
done
master eof-sent "$family" -L "7102:$target:7002"
master eof-both "$family" -v -L "7105:$target:7005"
master close-received "$family" -L "7107:$target:7007"
head -c 1500K /dev/urandom >"$scratch/bytes"
sum_of() { sha256sum | awk '{ print $1 }'; }
sum="$(stat -c %s "$scratch/bytes") $(sum_of <"$scratch/bytes")"
nothing="0 $(sum_of </dev/null)"

cut connecting connecting -W "$target:7006" vip </dev/null
cut output output -W "$target:7001" vip <"$scratch/bytes"
at_point cut-window
over window -W "$target:7003" vip >&9 2>"$scratch/cut-window.err" </dev/null &
cut_job[window]=$!
reached window
cut eof-received eof-received -W "$target:7004" vip </dev/null
at_point cut-eof-sent
client eof-sent 7102 late
reached eof-sent
at_point cut-eof-both
client eof-both 7105 ends
# A client that hears of our end first says its own and CLOSE at once.
check "eof-both: its client has ended" within 10 \
	grep -q 'send eof' "$scratch/master-eof-both.out"
touch "$scratch/go-7005"
reached eof-both
cut close-sent close-sent -W "$target:7001" vip </dev/null
client close-received 7107 break
# Its client hears of a client's end when it has something for it.
check "close-received: its target has some" within 10 eval 'lab exec target -- \
	ss -Htn state established sport = :7007 | awk "\$1 > 0 { n++ } END { exit !n }"'
at_point cut-close-received
touch "$scratch/go-break"
wait "${cut_job[close-received]}"
touch "$scratch/go-7007"
reached close-received
lab crash alpha
touch "$scratch/go"
lab exec target -- "$iptables" -w -D "${deaf[@]}"
# Its own descriptor: ssh leaves ours without waiting.
timeout 20 head -c "$(seq 1000000 | wc -c)" <"$scratch/unread" >"$scratch/window" || :
check "window: every byte" cmp "$scratch/window" <(seq 1000000)
exec 9>&-
for n in connecting output window eof-received eof-sent eof-both close-sent; do
	cut_ends "$n" 0
done
cut_lives close-received
is "connecting: greeted" "$(cat "$scratch/cut-connecting.out")" hello
is "output: target says" "$(cat "$scratch/cut-output.out")" "$sum"
is "eof-received: target says" "$(cat "$scratch/cut-eof-received.out")" "$nothing"
is "eof-sent: target had said" "$(cat "$scratch/cut-eof-sent.out")" "done"
is "eof-both: target had said" "$(cat "$scratch/cut-eof-both.out")" "done"
is "close-sent: target had said" "$(cat "$scratch/cut-close-sent.out")" "$nothing"
check "target has heard all ends" within 20 \
	eval '(($(grep -vc ready "$scratch/target.out") == 8))'
read -r _ had had_sum <<<"$(grep -v ready "$scratch/target.out" | grep ^7007)"
is "close-received: target had ${had:-none} bytes" "$had_sum" \
	"$(head -c "${had:-0}" "$scratch/bytes" | sum_of)"
is "what target had of them" "$(grep -Ev 'ready|^7007' "$scratch/target.out" | sort)" "$(sort <<-END
	7001 $sum
	7001 $nothing
	7002 $sum
	7003 $nothing
	7004 $nothing
	7005 $sum
	7006 $nothing
END
)"
refuses "no client heard of a reset" eval 'cat "$scratch"/*.err "$scratch"/master-*.out |
	grep -v ^debug2: | grep -Ei "reset by peer|broken pipe|corrupted"'
no_login_on_survivor
done_testing
