# SPDX-License-Identifier: ISC
# For tests that cut the power in the middle of a key exchange: a session for
# each method of rekey_methods, all at the same point of it. Needs lib.bash and
# a lab of `up --testing` whose sshd has rekey_limit.
#
# The point is STARTER WHEN, STARTER being who begins, client or server, and
# WHEN one of
#   unread        the client's KEXINIT is under way, sshd hasn't read it
#   N-reached     sshd is in stage N (PROTOCOL.jeebs, 7.6), no record says so
#   N-committed   the standby holds the record, its bytes haven't been sent
#   N-sent        they have
rekey_limit=128K rekey_logins=0
declare -A rekey_log	# what the client of each method says
declare -A rekey_port	# its TCP port

# Group exchange and the old groups are not among sshd's defaults.
rekey_lab_up() {
	lab_up --testing --set "sshd.RekeyLimit=$rekey_limit" \
		--set "sshd.KexAlgorithms=+diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha256"
}

# With rekey_client_limit, each second client has a limit of its own.
rekey_login() {
	local m=$1 limit=()
	rekey_logins=$((rekey_logins + 1))
	[[ -z ${rekey_client_limit-} ]] || ((rekey_logins % 2)) ||
		limit=(-o "RekeyLimit=$rekey_client_limit")
	rekey_log[$m]=$scratch/ssh-$m.out
	pty_start "$m" "$build/openssh/ssh" -F "$SSH_CONFIG" -v \
		-E "${rekey_log[$m]}" -o "KexAlgorithms=$m" "${limit[@]}" vip
	pty "$m" 'expect 10000 \$ $' || {
		fail "$m: login: $pty_answer"
		return 1
	}
	rekey_port[$m]=$(lab exec client -- ss -Htnp |
		awk -v p="pid=${pty_pid[$m]}," 'index($0, p) { print $4 }' |
		sed 's/.*://')
	grep -q "kex: algorithm: $m" "${rekey_log[$m]}" ||
		fail "$m: another method was agreed on"
}

rekey_count() {
	grep -c 'SSH2_MSG_NEWKEYS received' "${rekey_log[$1]}" || :
}

# 1 if the client has sent KEXINIT and hasn't got NEWKEYS since.
rekey_under_way() {
	awk '/SSH2_MSG_KEXINIT sent/ { n = 1 } /SSH2_MSG_NEWKEYS received/ { n = 0 }
		END { print n + 0 }' "${rekey_log[$1]}"
}

# Processes of users' sessions on HOST.
rekey_pids() {
	lab exec "$1" -- pgrep -f '^sshd-[a-z]*: [a-z]*(@|$)'
}

# Lines of HOST's log that say which process stopped where.
rekey_stopped() {
	lab exec "$1" -- grep -c "jeebs testing: process [0-9]* stops at kex-$2[[:space:]]*\$" \
		/var/log/sshd.log || :
}

rekey_trigger() {
	case $2 in
	client) pty "$1" 'send \r~R' ;;
	server) pty "$1" 'send seq 30000\r' ;;
	esac
}

# rekey_to_point STARTER WHEN METHOD...: every session is there when it returns.
rekey_to_point() {
	local starter=$1 when=$2 m pid before n
	shift 2
	n=$#
	victim=$(serving) survivor=$(other "$(serving)")
	lab switch "$survivor"
	if [[ $when == unread ]]; then
		for pid in $(rekey_pids "$victim"); do
			lab exec "$victim" -- kill -STOP "$pid"
		done
		for m in "$@"; do
			before=$(grep -c 'SSH2_MSG_KEXINIT sent' "${rekey_log[$m]}" || :)
			rekey_trigger "$m" "$starter"
			within 5 eval '(($(grep -c "SSH2_MSG_KEXINIT sent" \
				"${rekey_log[$m]}") > before))' ||
				fail "$m: the client begins no key exchange"
		done
		return
	fi
	before=$(rekey_stopped "$victim" "$when")
	lab switch "$victim" "stop kex-$when"
	for m in "$@"; do
		rekey_trigger "$m" "$starter"
	done
	within 10 eval '(($(rekey_stopped "$victim" "$when") == before + n))' ||
		fail "$starter $when: $(($(rekey_stopped "$victim" "$when") - before)) of $n sessions came there"
	lab switch "$victim"
}

# What became of a session after the crash, in rekey_outcome:
#   carried-on  the same client process, a shell on the survivor, and the next
#               key exchange, begun by the client, works
#   ended       the client was reset, and the survivor's log says why
#   else        what is wrong, in words
rekey_judge() {
	local m=$1 n
	if ! shell_answers "$m" 15000; then
		rekey_outcome="no answer: $pty_answer"
		if pty "$m" 'wait 1'; then
			rekey_outcome="the client ended: $(tail -n 1 "${rekey_log[$m]}")"
			rekey_reason=$(rekey_reset_reason "$m")
			[[ -z $rekey_reason ]] || rekey_outcome=ended
		fi
		return
	fi
	if [[ $shell_host != "$survivor" ]]; then
		rekey_outcome="served by $shell_host"
		return
	fi
	n=$(rekey_count "$m")
	pty "$m" 'send \r~R'
	if ! within 5 eval '(($(rekey_count "$m") > n))'; then
		rekey_outcome="the next key exchange doesn't end"
	elif ! shell_answers "$m" 5000; then
		rekey_outcome="no answer after the next key exchange: $pty_answer"
	elif ! pty "$m" alive; then
		rekey_outcome="the client isn't the same process"
	else
		rekey_outcome=carried-on
	fi
}

# The survivor's line about the session of this client's port.
rekey_reset_reason() {
	lab exec "$survivor" -- sed -n \
		"s/.*session of [a-z]* from [0-9.]*:${rekey_port[$1]} .*reset: //p" \
		/var/log/jeebsd.log | tail -n 1
}
