#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwards that are asked for after a crash: -L, -D, -R, both kinds of sockets,
# cancelling, the agent, X11. And what was forwarded before.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/desktop.bash"
cd "$scratch"
chmod 711 .
mkdir -m 1777 sockets
lab_up --set sshd.X11Forwarding=yes
desktop
ssh_env=(SSH_AUTH_SOCK="$scratch/agent" DISPLAY=127.0.0.1:77 XAUTHORITY="$scratch/xauth")

banner() {	# HOST PORT: what an SSH server at the end of a forward says first
	lab exec "$1" -- timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$2 && head -c 7 <&3" 2>&1 || :
}
forwards() {
	local host=$1 p=$2
	over m -O forward -L "127.0.0.1:${p}1:$TARGET:22" vip
	echo "-L: $(banner client "${p}1")"
	over m -O forward -D "127.0.0.1:${p}2" vip
	echo "-D: $(lab exec client -- timeout 5 curl -s --socks5 "127.0.0.1:${p}2" \
		--http0.9 --max-time 1 "telnet://$TARGET:22" </dev/null | head -c 7)"
	over m -O forward -R "127.0.0.1:${p}3:$TARGET:22" vip
	echo "-R: $(banner "$host" "${p}3")"
	echo "-R 0: $(over m -O forward -R "127.0.0.1:0:$TARGET:22" vip | tr -d 0-9)"
	over m -O forward -L "$scratch/local$p:$TARGET:22" vip
	echo "-L on a path: $(lab exec client -- timeout 5 curl -s --http0.9 --max-time 1 \
		--unix-socket "$scratch/local$p" http://x/ | head -c 7)"
	over m -O forward -R "$scratch/sockets/$p:$TARGET:22" vip
	echo "-R on a path: $(lab exec "$host" -- timeout 5 curl -s --http0.9 \
		--max-time 1 --unix-socket "$scratch/sockets/$p" http://x/ | head -c 7)"
	over m -O cancel -R "$scratch/sockets/$p:$TARGET:22" vip
	over m -O cancel -L "127.0.0.1:${p}1:$TARGET:22" vip
	echo "-L cancelled: $(banner client "${p}1" | grep -o 'Connection refused' | head -n 1)"
	over m -O cancel -R "127.0.0.1:${p}3:$TARGET:22" vip
	echo "-R cancelled: $(within 5 eval "banner $host ${p}3 | grep -q 'Connection refused'" && echo yes)"
	echo "agent: $(over m -A vip 'ssh-add -l' | sed 's/.*key/key/')"
	echo "no agent: $(over m vip 'ssh-add -l' 2>&1 | head -c 14)"
	echo "X11: $(over m -Y vip 'echo ${DISPLAY%:*}; exec 3<>/dev/tcp/127.0.0.1/$((6000 + $(echo ${DISPLAY#*:} | cut -d. -f1))); xauth list $DISPLAY | awk "{ print \$2 }"' 2>&1)"
	echo "no X11: $(over m -x vip 'echo ${DISPLAY-none}')"
}

master m vip -o IdentityAgent="$scratch/agent" -o ForwardAgent=yes \
	-o ForwardX11=yes -o ForwardX11Trusted=yes
over m vip "touch .Xauthority"
adoptable 1
forwards alpha 700 >forwards-before.out 2>&1
is "-L, -D, -R work" "$(grep -cE '^-[LDR]: SSH-2.0$' forwards-before.out)" 3
check "the agent's key" grep -q '^agent: key of the agent' forwards-before.out
over m -O forward -R "127.0.0.1:7100:$TARGET:22" vip
is "a forward from before the crash" "$(banner alpha 7100)" SSH-2.0
crash_serving
check "the connection is served by $survivor" within 15 eval \
	'[[ $(over m vip hostname) == "$survivor" ]]'
forwards "$survivor" 710 >forwards-after.out 2>&1
same_as_before forwards
is "a -R from before is there" "$(banner "$survivor" 7100)" SSH-2.0
over m -O cancel -R "127.0.0.1:7100:$TARGET:22" vip
is "until it is cancelled" "$(banner "$survivor" 7100 | grep -o 'Connection refused' | head -n 1)" 'Connection refused'
over m -O forward -R "127.0.0.1:7100:$TARGET:22" vip
is "it can be asked for again" "$(banner "$survivor" 7100)" SSH-2.0
no_login_on_survivor
cd /
done_testing
