#!/bin/bash
# SPDX-License-Identifier: ISC
# Each kind of cipher and MAC, all sessions at once, one power cut.
. "$(dirname "$0")/lib.bash"
lab_up
declare -A suites=(
	[chacha20]='chacha20-poly1305@openssh.com -'
	[aes128gcm]='aes128-gcm@openssh.com -'
	[aes256gcm]='aes256-gcm@openssh.com -'
	[ctr-etm256]='aes128-ctr hmac-sha2-256-etm@openssh.com'
	[ctr-etm512]='aes256-ctr hmac-sha2-512-etm@openssh.com'
	[ctr-umac]='aes192-ctr umac-128-etm@openssh.com'
	[ctr-plain]='aes128-ctr hmac-sha2-256'
)
for name in "${!suites[@]}"; do
	read -r cipher mac <<<"${suites[$name]}"
	options=(-c "$cipher")
	[[ $mac == - ]] || options+=(-m "$mac")
	login "$name" vip "${options[@]}"
done
crash_serving
for name in "${!suites[@]}"; do
	lives "$name"
	check "$name: typing on" pty "$name" 'type 2000 qwertyuiop'
done
no_login_on_survivor
done_testing
