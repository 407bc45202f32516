#!/bin/bash
# SPDX-License-Identifier: ISC
# The client's agent and X server are reached from the new shell under the names that
# they had: also where the name of the agent's socket is taken, by another one.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/desktop.bash"
cd "$scratch"
lab_up --set sshd.X11Forwarding=yes
desktop
log_in() {
	local n=$1
	shift
	pty_start "$n" env DISPLAY=127.0.0.1:77 XAUTHORITY="$scratch/xauth" \
		ssh -F "$SSH_CONFIG" -A -o IdentityAgent="$scratch/agent" "$@"
	check "$n: login" pty "$n" 'expect 10000 \$ $'
}
log_in a -Y vip
log_in b -x vip6

# asked NAME COMMAND: a line that the shell of NAME says.
asked() {
	pty "$1" "send echo said-\$($2)-over\\r"
	pty "$1" 'expect 10000 said-([^$\r\n]*)-over'
	jq -r .group <<<"$pty_answer"
}
agent=$(asked a 'echo $SSH_AUTH_SOCK') display=$(asked a 'echo $DISPLAY')
agent_b=$(asked b 'echo $SSH_AUTH_SOCK')
check "an agent's socket" eval '[[ $agent == /tmp/ssh-* && $agent_b == /tmp/ssh-* ]]'
check "a display" eval '[[ $display == localhost:1[0-9].0 ]]'
cookie=$(asked a 'xauth list $DISPLAY | cut -d" " -f5')
check "its cookie" eval '[[ $cookie =~ ^[0-9a-f]{32}$ ]]'
adoptable 2
# All hosts of the lab have one /tmp. Someone else is there when beta takes over.
rm "$agent_b"
rmdir "${agent_b%/*}"
touch "${agent_b%/*}"
crash_serving
lives a
lives b
is "a: the same socket" "$(asked a 'echo $SSH_AUTH_SOCK')" "$agent"
is "a: the agent's key" "$(asked a 'ssh-add -l | cut -d" " -f3-')" \
	'key of the agent (ED25519)'
is "a: the same display" "$(asked a 'echo $DISPLAY')" "$display"
is "a: the same cookie" "$(asked a 'xauth list $DISPLAY | cut -d" " -f5')" "$cookie"
n=$(grep -c connection x11.out || :)
asked a 'd=${DISPLAY#*:}; exec 3<>/dev/tcp/127.0.0.1/$((6000 + ${d%.*})); echo $?' >/dev/null
check "a: the X server is reached" within 5 eval '(($(grep -c connection x11.out) > n))'
again=$(asked b 'echo $SSH_AUTH_SOCK')
check "b: another socket" eval '[[ $again == /tmp/ssh-* && $again != "$agent_b" ]]'
is "b: the agent's key" "$(asked b 'ssh-add -l | cut -d" " -f3-')" \
	'key of the agent (ED25519)'
is "b: no display" "$(asked b 'echo ${DISPLAY-none}')" none
rm -f "${agent_b%/*}"
no_login_on_survivor
cd /
done_testing
