# SPDX-License-Identifier: ISC
# What the hosts find in /etc: accounts, keys, sshd_config, jeebsd.conf.

vip=10.77.0.100
vip6=fd77::100
account=lab
account_id=4242

# Option names of --set, by host ("" for both): sshd.KEY and jeebsd.conf's.
declare -A sshd_set conf_set

config_set() {
	local host='' key=${1%%=*} value=${1#*=}
	[[ $1 == *=* && $key ]] || die "--set: \"$1\" is not KEY=VALUE"
	if [[ $key == */* ]]; then
		host=${key%%/*} key=${key#*/}
		[[ " ${servers[*]} " == *" $host "* ]] ||
			die "--set: \"$host\" is not one of ${servers[*]}"
	fi
	if [[ $key == sshd.* ]]; then
		sshd_set[$host/${key#sshd.}]=$value
	else
		conf_set[$host/$key]=$value
	fi
}

# Written once for all hosts: each gets copies, as an administrator would do.
config_common() {
	local share=$state/share
	mkdir -p "$share" "$state/common/ssh/authorized_keys"
	ssh-keygen -q -t ed25519 -N '' -C jeebs-lab -f "$share/key"
	ssh-keygen -q -t ed25519 -N '' -C vip -f "$state/common/ssh/vip_ed25519"
	ssh-keygen -q -t ecdsa -N '' -C vip -f "$state/common/ssh/vip_ecdsa"
	ssh-keygen -q -t ed25519 -N '' -C target -f "$state/common/ssh/target_ed25519"
	local user
	for user in root "$account"; do
		cp "$share/key.pub" "$state/common/ssh/authorized_keys/$user"
	done
	{
		sed "s/^/$vip,$vip6 /" "$state"/common/ssh/vip_*.pub
		sed "s/^/${addr[target]},${addr6[target]} /" \
			"$state/common/ssh/target_ed25519.pub"
	} >"$share/known_hosts"
	cat >"$share/ssh_config" <<-END
		Host vip
		HostName $vip
		Host vip6
		HostName $vip6
		Host target
		HostName ${addr[target]}
		Host target6
		HostName ${addr6[target]}
		Host *
		User $account
		IdentityFile $share/key
		IdentitiesOnly yes
		IdentityAgent none
		UserKnownHostsFile $share/known_hosts
		StrictHostKeyChecking yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
	END
	local home
	for home in "$state/home/$account" "$state/home/root"; do
		mkdir -p "$home"
		printf '%s\n' "PS1='\\h\$ '" 'unset PROMPT_COMMAND' >"$home/.bashrc"
		echo 'set enable-bracketed-paste off' >"$home/.inputrc"
		printf '%s\n' '. ~/.bashrc' >"$home/.bash_profile"
		: >"$home/.hushlogin"
	done
	chown -R "$account_id:$account_id" "$state/home/$account"
	# What the machine has in /home stays visible: the tree may be there.
	local dir
	for dir in /home/*/; do
		dir=$(basename "$dir")
		[[ $dir != "$account" && $dir != root ]] || continue
		mkdir "$state/home/$dir"
		mount --rbind "/home/$dir" "$state/home/$dir"
	done
}

# What all hosts have in the upper layers of their /etc.
config_accounts() {
	local etc=$state/common/etc o
	mkdir -p "$etc/ssh"
	cp -a "$state/common/ssh/authorized_keys" "$etc/ssh/"
	cp -p /etc/passwd /etc/group /etc/shadow "$etc/"
	sed -i "/^$account:/d" "$etc/passwd" "$etc/group" "$etc/shadow"
	# Root's own start-up files are the machine's affair: a plain home.
	sed -i 's|^\(root:.*\):/root:|\1:/home/root:|' "$etc/passwd"
	echo "$account:x:$account_id:$account_id:lab:/home/$account:/bin/bash" \
		>>"$etc/passwd"
	echo "$account:x:$account_id:" >>"$etc/group"
	echo "$account:*:19000:0:99999:7:::" >>"$etc/shadow"
	if ! grep -q '^sshd:' "$etc/passwd"; then
		echo 'sshd:x:4243:65534::/run/sshd:/usr/sbin/nologin' >>"$etc/passwd"
		echo 'sshd:*:19000:0:99999:7:::' >>"$etc/shadow"
	fi
	if ! grep -q '^_jeebs:' "$etc/passwd"; then
		echo '_jeebs:x:4244:4244::/nonexistent:/usr/sbin/nologin' \
			>>"$etc/passwd"
		echo '_jeebs:x:4244:' >>"$etc/group"
		echo '_jeebs:*:19000:0:99999:7:::' >>"$etc/shadow"
	fi
	if [[ ! -e /etc/pam.d/sshd ]]; then
		mkdir -p "$etc/pam.d"
		printf '%s\n' '@include common-auth' 'account required pam_nologin.so' \
			'@include common-account' '@include common-session' \
			'@include common-password' >"$etc/pam.d/sshd"
	fi
	{
		echo '127.0.0.1 localhost'
		echo '::1 localhost'
		for o in "${hosts[@]}"; do
			echo "${addr[$o]} $o"
			echo "${addr6[$o]} $o"
		done
		echo "$vip vip"
		echo "$vip6 vip"
	} >"$etc/hosts"
}

# config_host HOST: the upper layer of its /etc.
config_host() {
	local h=$1 etc=$state/hosts/$1/etc
	cp -a "$state/common/etc" "$state/hosts/$h/"
	echo "$h" >"$etc/hostname"
	case $h in
	alpha | beta)
		cp -p "$state"/common/ssh/vip_* "$etc/ssh/"
		config_sshd "$h" >"$etc/ssh/sshd_config"
		[[ $stock ]] || config_jeebsd "$h"
		;;
	target)
		cp -p "$state"/common/ssh/target_* "$etc/ssh/"
		config_sshd_common >"$etc/ssh/sshd_config"
		echo 'HostKey /etc/ssh/target_ed25519' >>"$etc/ssh/sshd_config"
		;;
	esac
}

config_sshd_common() {
	cat <<-'END'
		PidFile /run/sshd.pid
		LogLevel VERBOSE
		UsePAM yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		AuthorizedKeysFile /etc/ssh/authorized_keys/%u
		PrintMotd no
		PrintLastLog no
		AcceptEnv LANG LC_*
		Subsystem sftp /usr/lib/openssh/sftp-server
	END
}

# --set lines come first: for sshd the first value of a keyword counts.
config_sshd() {
	local k
	for k in "${!sshd_set[@]}"; do
		[[ $k != "$1"/* ]] || echo "${k#*/} ${sshd_set[$k]}"
	done
	for k in "${!sshd_set[@]}"; do
		[[ $k != /* ]] || echo "${k#*/} ${sshd_set[$k]}"
	done
	[[ $stock ]] || cat <<-END
		SshdSessionPath $programs/openssh/sshd-session
		SshdAuthPath $programs/openssh/sshd-auth
		SshdAdoptPath $programs/openssh/sshd-adopt
		Jeebs yes
		JeebsSocket /run/jeebs/export.sock
	END
	config_sshd_common
	echo 'HostKey /etc/ssh/vip_ed25519'
	echo 'HostKey /etc/ssh/vip_ecdsa'
}

toml_line() {	# KEY VALUE
	case $2 in
	true | false | \"* | \[*) ;;
	*[!0-9]* | '') set -- "$1" "\"$2\"" ;;
	esac
	echo "$1 = $2"
}

config_jeebsd() {
	local h=$1 peer=beta k section=
	[[ $h == alpha ]] || peer=alpha
	local etc=$state/hosts/$h/etc/jeebs
	local -A conf=(
		[host]=$h
		[run_dir]=/run/jeebs
		[state_dir]=/var/lib/jeebs
		[key_file]=/etc/jeebs/jeebsd.key
		[user]=_jeebs
		[preferred]=$([[ $h == alpha ]] && echo true || echo false)
		[input-commit]=$input
		[peer.name]=$peer
		[peer.address]=10.78.0.${host_number[$peer]}
		[peer.port]=7474
		[peer.public_key]=$(<"$state/common/$peer.pub")
		[service.port]=22
		[timing.heartbeat]=50ms
		[timing.suspect]=150ms
		[timing.detect]=500ms
	)
	[[ -z $audit ]] || conf[audit.commit-log]=$commit_log
	for k in "${!conf_set[@]}"; do
		[[ $k != /* ]] || conf[${k#/}]=${conf_set[$k]}
	done
	for k in "${!conf_set[@]}"; do
		[[ $k != "$h"/* ]] || conf[${k#*/}]=${conf_set[$k]}
	done
	mkdir -p "$etc"
	install -m 600 "$state/common/$h.key" "$etc/jeebsd.key"
	# With those of no section first, which sort before those that have one.
	local keys
	mapfile -t keys < <(for k in "${!conf[@]}"; do
		[[ $k == *.* ]] && echo "${k%.*} ${k##*.}" || echo " $k"
	done | sort)
	{
		for k in "${keys[@]}"; do
			if [[ ${k% *} != "$section" ]]; then
				section=${k% *}
				printf '\n[%s]\n' "$section"
			fi
			toml_line "${k##* }" "${conf[${section:+$section.}${k##* }]}"
		done
		printf '\n[[vip]]\naddress = "%s"\ninterface = "svc0"\n' \
			"$vip" "$vip6"
		local net
		for net in 77 78; do
			printf '\n[[heartbeat]]\nlocal = "%s"\nremote = "%s"\nport = 7475\n' \
				"10.$net.0.${host_number[$h]}" \
				"10.$net.0.${host_number[$peer]}"
		done
	} >"$etc/jeebsd.conf"
}

lab_env() {
	local share=$state/share
	cat <<-END
		VIP=$vip
		VIP6=$vip6
		PORT=22
		TARGET=${addr[target]}
		TARGET6=${addr6[target]}
		USER_NAME=$account
		KEY=$share/key
		KNOWN_HOSTS=$share/known_hosts
		SSH_CONFIG=$share/ssh_config
		PROGRAMS=$(<"$state/programs")
	END
}
