#!/bin/bash
# SPDX-License-Identifier: ISC
# Root's session outlives its host too.
. "$(dirname "$0")/lib.bash"
lab_up
pty_start a ssh -F "$SSH_CONFIG" root@vip
check "prompt" pty a 'expect 10000 # ?$'
crash_serving
pty a 'send echo $((6*7))-$(id -un)-$(hostname)\r'
check "root lives on $survivor" pty a "expect 15000 42-root-$survivor"
check "the same client process" pty a alive
done_testing
