# SPDX-License-Identifier: ISC
# For upstream-quick and upstream-check: single tests of OpenSSH's own regress
# suite, each with a folder of its own, against the programs of any tree.

upstream_programs=(ssh-pkcs11-helper ssh-sk-helper regress-binaries)

# upstream_folder TREE OBJ: an empty OBJ with the suite's helper programs.
upstream_folder() {
	local b
	rm -rf "$2"
	mkdir -p "$2"
	for b in modpipe timestamp setuid-allowed netcat check-perm mkdtemp; do
		ln -s "$1/regress/$b" "$2/$b"
	done
}

# upstream_env TREE OBJ [SUDO]: what the suite's Makefile tells its tests.
upstream_env() {
	local p name
	for p in SSH SCP SSHD SSHD_SESSION=sshd-session SSHD_AUTH=sshd-auth \
	    SSHAGENT=ssh-agent SSHADD=ssh-add SSHKEYGEN=ssh-keygen \
	    SSHKEYSCAN=ssh-keyscan SFTP SFTPSERVER=sftp-server \
	    PKCS11_HELPER=ssh-pkcs11-helper SSHPKCS11HELPER=ssh-pkcs11-helper \
	    SK_HELPER=ssh-sk-helper MODULI_FILE=moduli; do
		name=${p#*=}
		export "TEST_SSH_${p%%=*}=$1/${name,,}"
	done
	# Debian's places.
	export TEST_SSH_PLINK=/usr/bin/plink TEST_SSH_PUTTYGEN=/usr/bin/puttygen \
	    TEST_SSH_DBCLIENT=/usr/bin/dbclient \
	    TEST_SSH_DROPBEAR=/usr/sbin/dropbear \
	    TEST_SSH_DROPBEARKEY=/usr/bin/dropbearkey \
	    TEST_SSH_DROPBEARCONVERT=/usr/bin/dropbearconvert
	export TEST_SSH_IPV6=yes TEST_SSH_UTF8=no TEST_SHELL=sh EGREP='grep -E' \
	    OPENSSL_BIN=openssl BUILDDIR=$1 OBJ=$2 PATH=$1:$PATH SUDO=${3-}
}
