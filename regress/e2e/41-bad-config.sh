#!/bin/bash
# SPDX-License-Identifier: ISC
# Wrong settings: file, line and key are named, the exit status isn't 0, and
# nothing starts. Run without a lab.
. "$(dirname "$0")/lib.bash"
jeebsd=$build/monitor/jeebsd
"$build/monitor/jeebsctl" keygen -f "$scratch/key" >"$scratch/pin"
"$build/monitor/jeebsctl" keygen -f "$scratch/peer" >"$scratch/peer-pin"
cat >"$scratch/good" <<-END
	host = "alpha"
	key_file = "$scratch/key"
	user = "root"
	[peer]
	name = "beta"
	address = "10.78.0.2"
	public_key = "$(<"$scratch/peer-pin")"
	[[vip]]
	address = "10.77.0.100"
	interface = "lo"
	[[heartbeat]]
	local = "10.77.0.1"
	remote = "10.77.0.2"
	[[heartbeat]]
	local = "10.78.0.1"
	remote = "10.78.0.3"
END
check "a good file" "$jeebsd" -t -f "$scratch/good"

# said TEXT CMD...: CMD's output has it.
said() {
	local text=$1 output
	shift
	output=$("$@" 2>&1) || :
	[[ $output == *"$text"* ]]
}

# refused WHAT SED-SCRIPT LINE KEY
refused() {
	local said status=0
	sed "$2" "$scratch/good" >"$scratch/bad"
	said=$("$jeebsd" -t -f "$scratch/bad" 2>&1) && status=0 || status=$?
	if ((status == 0)); then
		fail "$1: exit status 0"
	elif [[ $said != *"$scratch/bad:$3: "*"$4"* || $said == *$'\n'* ]]; then
		fail "$1: $said"
	else
		ok "$1: ${said##*"$scratch/bad:"}"
	fi
}
refused "an unknown key" '1a colour = "red"' 2 colour
refused "an unknown key in a table" 's/^name = .*/&\nport-number = 7/' 6 port-number
refused "a bad address" 's/10\.77\.0\.100/10.77.0.300/' 9 address
refused "a wrong type" 's/^host = .*/host = 7/' 1 host
refused "a bad duration" '$a [timing]\ndetect = "soon"' 18 detect
refused "a bad key" 's/^public_key = .*/public_key = "abc"/' 7 public_key
refused "one heartbeat path" '14,$d' 11 unsafe-single-path
check "unless it says so" eval "sed -e '14,\$d' -e '1a unsafe-single-path = true' \
	'$scratch/good' >'$scratch/single' && '$jeebsd' -t -f '$scratch/single'"
# Addresses that this machine has, both on the VIP's interface.
sed -e 's/10\.77\.0\.1"/127.0.0.1"/; s/10\.78\.0\.1"/::1"/; s/10\.78\.0\.3"/::3"/' \
	"$scratch/good" >"$scratch/one-lan"
check "all paths on the VIPs' LAN" said "$scratch/one-lan: heartbeat: all paths go by lo" \
	"$jeebsd" -t -f "$scratch/one-lan"
refused "a fence that is none" '1a fence = ["/bin/true"]' 2 fence
refused "alone before the standby's time is over" \
	'$a [timing]\nalone-after = "1s"' 18 alone-after
refused "input-commit" '1a input-commit = "maybe"' 2 input-commit
refuses "a missing file" "$jeebsd" -t -f "$scratch/none"
check "is named" said "$scratch/none" "$jeebsd" -t -f "$scratch/none"
rm "$scratch/key"
refuses "a missing key file" "$jeebsd" -t -f "$scratch/good"
check "is named" said "$scratch/key" "$jeebsd" -t -f "$scratch/good"

ssh-keygen -q -t ed25519 -N '' -f "$scratch/host"
sshd_says() {
	printf '%s\n' "HostKey $scratch/host" "$1" >"$scratch/sshd_config"
	"$build/openssh/sshd" -t -f "$scratch/sshd_config" 2>&1
}
check "sshd: Jeebs yes" sshd_says 'Jeebs yes'
refuses "sshd: Jeebs maybe" sshd_says 'Jeebs maybe'
check "sshd names the line" said "sshd_config line 2" sshd_says "Jeebs maybe"
refuses "sshd: JeebsSocket without a path" sshd_says 'JeebsSocket'
check "sshd: JeebsSocket" sshd_says 'JeebsSocket /run/x'
check "sshd -T shows it" said "jeebssocket /run/x" \
	"$build/openssh/sshd" -T -f "$scratch/sshd_config"
done_testing
