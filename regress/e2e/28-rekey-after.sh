#!/bin/bash
# SPDX-License-Identifier: ISC
# After adoption a rekey works, begun by the client and begun by the server.
. "$(dirname "$0")/lib.bash"
lab_up
newkeys() {
	grep -c 'SSH2_MSG_NEWKEYS received' "$scratch/ssh.out"
}
login a vip -v -E "$scratch/ssh.out"
crash_serving
lives a
before=$(newkeys)
pty a 'send \r~R'
check "rekey by the client" within 5 eval '(($(newkeys) > before))'
check "the shell answers" shell_answers a 5000
pty_stop a
lab boot "$victim"

lab_down
lab_up --set 'sshd.RekeyLimit=256K'
login a vip -v -E "$scratch/ssh.out"
crash_serving
lives a
before=$(newkeys)
pty a 'send seq 200000 | md5sum; seq 200000\r'
check "output crosses the server's limit" pty a 'expect 20000 \n200000'
check "rekey by the server" eval '(($(newkeys) > before))'
check "prompt" pty a 'expect 5000 \$ $'
check "the shell answers" shell_answers a 5000
done_testing
