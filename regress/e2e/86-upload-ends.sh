#!/bin/bash
# SPDX-License-Identifier: ISC
# An upload whose target doesn't read, and whose client says that nothing more
# comes only after a first takeover: the next one has to write it once more, too.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --input hold

head=20000000 tail=300000
lab exec target -- python3 -c '
import hashlib, os, socket, sys, time
head, sum = int(sys.argv[1]), hashlib.sha256()
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.bind(("", 7000))
s.listen()
print("ready", flush=True)
c = s.accept()[0]
got = 0
while got < head:
    b = c.recv(min(65536, head - got))
    got += len(b)
    sum.update(b)
print("waits", flush=True)
while not os.path.exists("/run/go"):
    time.sleep(0.05)
while b := c.recv(65536):
    got += len(b)
    sum.update(b)
print(got, sum.hexdigest(), flush=True)
' $head >"$scratch/target.out" 2>&1 &
check "a target" within 15 grep -q ready "$scratch/target.out"
master m vip
adoptable 1
head -c $((head + tail)) /dev/urandom >"$scratch/data"
mkfifo "$scratch/end"
{
	cat "$scratch/data"
	read -r _ <"$scratch/end"
} | over m -W "$TARGET:7000" vip >/dev/null 2>"$scratch/upload.err" &
check "it reads no more" within 15 grep -q waits "$scratch/target.out"
# What is asked behind it is answered behind it.
check "all of it is at the host" over m vip true
crash_serving
check "it goes on" over m vip true
lab boot "$victim"
adoptable 1
echo >"$scratch/end"
check "the end is at the host" over m vip true
crash_serving
check "it goes on again" over m vip true
lab exec target -- touch /run/go
want="$((head + tail)) $(sha256sum "$scratch/data" | cut -d ' ' -f 1)"
check "all of it, and its end" within 20 grep -qx "$want" "$scratch/target.out"
cat "$scratch/target.out"
done_testing
