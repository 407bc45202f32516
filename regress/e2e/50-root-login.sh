#!/bin/bash
# SPDX-License-Identifier: ISC
# Root's session outlives its host too.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip -l root
crash_serving
pty a 'send echo $((6*7))-$(id -un)-$(hostname)\r'
check "root lives on $survivor" pty a "expect 15000 42-root-$survivor"
check "prompt" pty a 'expect 5000 \$ $'
lives a
done_testing
