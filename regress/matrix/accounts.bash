# SPDX-License-Identifier: ISC
# The matrix's accounts, keys and PAM stack. Each kind of authentication has an
# account of its own, and its Match block takes that kind only: a client can't
# get in another way than the one that is tried. m-* are users, r-* have uid 0.
kinds=(key pw kbd two restricted cert)

# Once for a run, in $keys.
make_keys() {
	local t
	for t in ed25519 ecdsa rsa; do
		ssh-keygen -q -t "$t" -N '' -C "matrix-$t" -f "$keys/id_$t"
		puttygen "$keys/id_$t" -O private -o "$keys/id_$t.ppk"
		# Dropbear reads OpenSSH's older form only.
		cp -p "$keys/id_$t" "$keys/old"
		[[ $t == ed25519 ]] ||
			ssh-keygen -q -p -m PEM -N '' -f "$keys/old" >/dev/null
		dropbearconvert openssh dropbear "$keys/old" "$keys/id_$t.dropbear" \
			2>/dev/null
		rm "$keys/old"
	done
	ssh-keygen -q -t ed25519 -N '' -C agent -f "$keys/id_agent"
	ssh-keygen -q -t ed25519 -N '' -C ca -f "$keys/ca"
	ssh-keygen -q -t rsa -b 3072 -N '' -C vip -f "$keys/vip_rsa"
	ssh-keygen -q -s "$keys/ca" -I matrix -n m-cert,r-cert \
		-O clear -O permit-pty -O "source-address=10.77.0.0/24,fd77::/64" \
		"$keys/id_ed25519.pub"
	openssl rand -hex 8 >"$keys/password"
	printf '#!/bin/sh\nexec cat %q\n' "$keys/password" >"$keys/askpass"
	chmod +x "$keys/askpass"
	server_config >"$keys/sshd_accounts"
}

# What sshd_config of both hosts includes.
server_config() {
	local p
	cat <<-END
		HostKey $keys/vip_rsa
		PasswordAuthentication yes
		KbdInteractiveAuthentication yes
		PermitRootLogin yes
		TrustedUserCAKeys $keys/ca.pub
		MaxStartups 100
		PerSourcePenalties no
		ModuliFile /etc/ssh/moduli
		Match User root,m-key,m-restricted,r-restricted,m-cert,r-cert
		AuthenticationMethods publickey
	END
	for p in m r; do
		cat <<-END
			Match User $p-pw
			AuthenticationMethods password
			Match User $p-kbd
			AuthenticationMethods keyboard-interactive:pam
			Match User $p-two
			AuthenticationMethods publickey,password
		END
	done
}

# lab_accounts HOST: there, as its administrator would.
lab_accounts() {
	lab exec "$1" -- bash -eu -s "$keys" "${kinds[@]}" <<-'END'
		keys=$1 id=4300
		shift
		echo 'root - nofile 777' >/etc/security/limits.conf
		for kind; do
			for user in "m-$kind" "r-$kind"; do
				uid=$((++id)) home=/home/$user
				[[ $user == m-* ]] || uid=0 home=/home/root
				echo "$user:x:$uid:$uid::$home:/bin/bash" >>/etc/passwd
				echo "$user:*:19000:0:99999:7:::" >>/etc/shadow
				[[ $uid == 0 ]] || echo "$user:x:$uid:" >>/etc/group
				echo "$user:$(<"$keys/password")" | chpasswd
				echo "$user - nofile 777" >>/etc/security/limits.conf
				if [[ ! -d $home ]]; then
					cp -rT /home/root "$home"
					chown -R "$uid:$uid" "$home"
				fi
			done
		done
		cat "$keys"/id_{ed25519,ecdsa,rsa,agent}.pub >/etc/ssh/all
		for user in root m-key m-two r-two; do
			cp /etc/ssh/all "/etc/ssh/authorized_keys/$user"
		done
		for user in m-restricted r-restricted; do
			sed 's|^|restrict,pty,from="10.77.0.0/24,fd77::/64" |' /etc/ssh/all \
				>"/etc/ssh/authorized_keys/$user"
		done
		# A stack with modules that leave something in the session.
		cat >/etc/pam.d/sshd <<-STACK
			auth     required pam_unix.so
			account  required pam_nologin.so
			account  required pam_unix.so
			session  required pam_limits.so
			session  required pam_env.so envfile=/etc/security/matrix.env
			session  required pam_unix.so
			password required pam_unix.so
		STACK
		echo "MATRIX_PAM=$(hostname)" >/etc/security/matrix.env
	END
}

# On the client: an agent that holds a key bound to these hosts' keys. It signs
# for publickey-hostbound-v00@openssh.com only.
start_agent() {
	rm -f "$keys/agent"
	lab exec client -- ssh-agent -D -a "$keys/agent" >/dev/null 2>&1 &
	agent_job=$!
	until [[ -S $keys/agent ]]; do
		kill -0 "$agent_job" || return
		sleep 0.05
	done
	SSH_AUTH_SOCK=$keys/agent lab exec client -- ssh-add -q \
		-H "$keys/known_hosts" -h "$VIP" -h "$VIP6" "$keys/id_agent"
}

# The host keys, as each kind of client wants them.
known_hosts() {
	{
		cat "$KNOWN_HOSTS"
		sed "s/^/$VIP,$VIP6 /" "$keys/vip_rsa.pub"
	} >"$keys/known_hosts"
	ssh-keygen -lf "$keys/known_hosts" | awk '{ print $2 }' | sort -u \
		>"$keys/hostkeys"
}
