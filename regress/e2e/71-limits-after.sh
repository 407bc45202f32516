#!/bin/bash
# SPDX-License-Identifier: ISC
# What a key, a certificate or sshd_config allows a connection holds after a
# crash: forced commands, environment, terminals, forwards, number of sessions.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --set sshd.PermitUserEnvironment=JEEBS_KEY --set sshd.MaxSessions=3 \
	--set sshd.TrustedUserCAKeys=/etc/ssh/ca.pub --set sshd.ExposeAuthInfo=yes
cd "$scratch"
for k in ca forced limited cert; do
	ssh-keygen -q -t ed25519 -N '' -f "$k"
done
ssh-keygen -q -s ca -I jeebs -n "$USER_NAME" -V -1h:+1h -O clear -O permit-pty \
	-O force-command='echo "cert: $SSH_ORIGINAL_COMMAND"' \
	-O source-address=10.77.0.0/24 cert
for h in alpha beta; do
	lab exec "$h" -- sh -c 'cp ca.pub /etc/ssh/ && cat >>/etc/ssh/authorized_keys/lab' <<-END
		environment="JEEBS_KEY=1",command="echo \"key: \$SSH_ORIGINAL_COMMAND \$JEEBS_KEY\"" $(<forced.pub)
		no-pty,no-agent-forwarding,permitopen="$TARGET:22",permitlisten="127.0.0.1:9200" $(<limited.pub)
	END
done
reconfigure 'Match User root
	ForceCommand echo "config: $SSH_ORIGINAL_COMMAND"
	PermitTTY no
	PermitOpen none
	AllowAgentForwarding no'
check "protected again" within 10 eval '[[ $(lab status --json | jq .protected) == true ]]'

# Everything a connection might want, in words that don't change with the host.
wants() {
	local n=$1 dest=$2 f
	echo "command: $(over "$n" "$dest" 'echo ran' 2>&1)"
	echo "none: $(over "$n" -T "$dest" 'exit' 2>&1 </dev/null)"
	echo "sftp: $(over "$n" -s "$dest" sftp </dev/null 2>&1 | tr -d '\0')"
	echo "tty: $(over "$n" -tt "$dest" 'tty >/dev/null && echo yes' 2>"$scratch/tty.err" </dev/null | tr -d '\r')"
	cat "$scratch/tty.err"
	echo "agent: $(over "$n" -A "$dest" 'echo ${SSH_AUTH_SOCK:+yes}' 2>&1)"
	for f in "$TARGET:22" "$TARGET:9"; do
		echo "open $f: $(over "$n" -W "$f" "$dest" 2>&1 </dev/null | head -n 1)"
	done
	for f in 127.0.0.1:9200 127.0.0.1:9201; do
		echo "listen $f: $(over "$n" -O forward -R "$f:$TARGET:22" "$dest" 2>&1)"
		over "$n" -O cancel -R "$f:$TARGET:22" "$dest" >/dev/null 2>&1 || :
	done
	echo "login: $(over "$n" "$dest" 'cat "$SSH_USER_AUTH"' 2>&1)"
}
battery() {
	local n
	for n in forced limited cert root; do
		echo "--- $n"
		wants "$n" "$([[ $n == root ]] && echo root@vip || echo vip)"
	done
}
ssh_env=(SSH_AUTH_SOCK="$scratch/agent")
lab exec client -- ssh-agent -a "$scratch/agent" -D >/dev/null &
for n in forced limited cert; do
	master "$n" -i "$scratch/$n" -o IdentityFile="$scratch/$n" vip -o ForwardAgent=yes
done
master root root@vip -o ForwardAgent=yes
master many vip
for s in one two three; do
	over many -tt vip "echo here $s; sleep 1000" >"$scratch/$s.out" 2>&1 &
	check "session $s" within 10 grep -q "here $s" "$scratch/$s.out"
done
is "a fourth session is refused" "$(status_of many vip true)" 255
adoptable 5
battery >battery-before.out 2>&1
is "the forced command of the key" "$(grep -c '^command: key: echo ran 1$' battery-before.out)" 1
is "that of the certificate" "$(grep -c '^command: cert: echo ran$' battery-before.out)" 1
is "that of sshd_config" "$(grep -c '^command: config: echo ran$' battery-before.out)" 1
is "forwards that are allowed" "$(grep -c '^open .*: SSH-2.0' battery-before.out)" 2
crash_serving
check "the sessions end" within 10 eval '! grep -L "jeebs: host" one.out two.out three.out | grep -q .'
battery >battery-after.out 2>&1
same_as_before battery
for s in one two three; do
	over many -tt vip "echo there $s; sleep 1000" >"$scratch/$s.out" 2>&1 &
	check "session $s" within 10 grep -q "there $s" "$scratch/$s.out"
done
is "a fourth session is refused still" "$(status_of many vip true)" 255
no_login_on_survivor
cd /
done_testing
