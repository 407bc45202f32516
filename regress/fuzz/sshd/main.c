/* SPDX-License-Identifier: ISC */
/* sshd-session.c itself, for its globals: see parts.h. */
#define JEEBS_ADOPT
#define main		sshd_session_main
#define cleanup_exit	sshd_session_cleanup_exit
#include "sshd-session.c"
#undef main
#undef cleanup_exit

#include "parts.h"

/* Nothing that is read here may end the process: fatal() comes here. */
void
cleanup_exit(int i)
{
	abort();
}

void
parts_setup(void)
{
	static struct passwd pw;
	static char *accept_env[] = { "LANG", "LC_*" };
	struct sshkey *key;

	log_init("fuzz", SYSLOG_LEVEL_QUIET, SYSLOG_FACILITY_USER, 1);
	if (sshkey_generate(KEY_ED25519, 0, &key) != 0)
		abort();
	initialize_server_options(&options);
	options.num_host_key_files = 1;
	options.host_key_files = xcalloc(1, sizeof(char *));
	options.host_key_files[0] = xstrdup("/nonexistent");
	fill_default_server_options(&options);
	options.accept_env = accept_env;
	options.num_accept_env = 2;
	options.jeebs = 1;
	sensitive_data.host_keys = xcalloc(1, sizeof(key));
	sensitive_data.host_pubkeys = xcalloc(1, sizeof(key));
	sensitive_data.host_certificates = xcalloc(1, sizeof(key));
	sensitive_data.host_keys[0] = key;

	pw.pw_name = "fuzz";
	pw.pw_shell = "/bin/sh";
	pw.pw_dir = "/";
	pw.pw_uid = getuid();
	pw.pw_gid = getgid();
	the_authctxt = xcalloc(1, sizeof(*the_authctxt));
	the_authctxt->pw = &pw;
	the_authctxt->user = "fuzz";
	the_authctxt->valid = 1;
	if ((auth_opts = sshauthopt_new_with_keys_defaults()) == NULL ||
	    (loginmsg = sshbuf_new()) == NULL || (cfg = sshbuf_new()) == NULL)
		abort();
	privsep_is_preauth = 0;
}

struct sshkey *
parts_hostkey(void)
{
	return sensitive_data.host_keys[0];
}

static void
put_keys(struct sshbuf *m)
{
	static const u_char zero[64];
	struct sshbuf *b;

	if ((b = sshbuf_new()) == NULL ||
	    sshbuf_put_cstring(b, "aes128-ctr") != 0 ||
	    sshbuf_put_u32(b, 1) != 0 || sshbuf_put_u32(b, 16) != 0 ||
	    sshbuf_put_string(b, zero, 16) != 0 ||
	    sshbuf_put_string(b, zero, 16) != 0 ||
	    sshbuf_put_cstring(b, "hmac-sha2-256") != 0 ||
	    sshbuf_put_u32(b, 1) != 0 || sshbuf_put_string(b, zero, 32) != 0 ||
	    sshbuf_put_u32(b, 0) != 0 || sshbuf_put_cstring(b, "none") != 0 ||
	    sshbuf_put_stringb(m, b) != 0)
		abort();
	sshbuf_free(b);
}

struct ssh *
parts_ssh(void)
{
	struct ssh *ssh;
	struct sshbuf *m;
	int i;

	if ((ssh = ssh_packet_set_connection(NULL, -1, -1)) == NULL ||
	    (m = sshbuf_new()) == NULL)
		abort();
	ssh_packet_set_server(ssh);
	channel_init_channels(ssh);
	if (sshbuf_put_u32(m, 32) != 0 ||
	    sshbuf_put_cstring(m, "ssh-ed25519") != 0)
		abort();
	for (i = 0; i < 4; i++) {
		if (sshbuf_put_u32(m, 0) != 0)
			abort();
	}
	for (i = 0; i < 5; i++) {
		if (sshbuf_put_cstring(m, "x") != 0)
			abort();
	}
	if (sshbuf_put_u32(m, 0) != 0)
		abort();
	put_keys(m);
	put_keys(m);
	if (sshbuf_put_u64(m, 0) != 0 || sshbuf_put_u32(m, 0) != 0)
		abort();
	for (i = 0; i < 2; i++) {
		if (sshbuf_put_u32(m, 0) != 0 || sshbuf_put_u64(m, 0) != 0 ||
		    sshbuf_put_u32(m, 0) != 0 || sshbuf_put_u64(m, 0) != 0)
			abort();
	}
	if (sshbuf_put_cstring(m, "") != 0 || sshbuf_put_cstring(m, "") != 0)
		abort();
	for (i = 0; i < 3; i++) {
		if (sshbuf_put_u32(m, 0) != 0)
			abort();
	}
	if (ssh_packet_set_state(ssh, m) != 0)
		abort();
	sshbuf_free(m);
	return ssh;
}

void
parts_ssh_free(struct ssh *ssh)
{
	channel_free_all(ssh);
	ssh_packet_close(ssh);
	free(ssh);
}
