/* SPDX-License-Identifier: ISC */
/*
 * An interactive client with libssh: stdin and stdout are the remote shell's.
 * -Q KIND LIST prints those of LIST that libssh knows, a line each.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

struct client {
	ssh_session session;
	ssh_channel channel;
	const char *user, *auth, *key, *cert, *password;
	int tty, status, done;
};

static void
option(ssh_session session, enum ssh_options_e what, const void *value)
{
	if (value != NULL && ssh_options_set(session, what, value) != SSH_OK)
		errx(1, "option %d: %s", what, ssh_get_error(session));
}

static void
both(ssh_session session, enum ssh_options_e one, enum ssh_options_e other,
    const char *value)
{
	option(session, one, value);
	option(session, other, value);
}

static int
query(const char *kind, char *list)
{
	enum ssh_options_e what;
	ssh_session session;
	char *name;

	if (strcmp(kind, "kex") == 0)
		what = SSH_OPTIONS_KEY_EXCHANGE;
	else if (strcmp(kind, "hostkey") == 0)
		what = SSH_OPTIONS_HOSTKEYS;
	else if (strcmp(kind, "cipher") == 0)
		what = SSH_OPTIONS_CIPHERS_C_S;
	else if (strcmp(kind, "mac") == 0)
		what = SSH_OPTIONS_HMAC_C_S;
	else
		errx(2, "-Q %s: not one of kex, hostkey, cipher, mac", kind);
	if ((session = ssh_new()) == NULL)
		errx(1, "ssh_new");
	while ((name = strsep(&list, ",")) != NULL) {
		if (ssh_options_set(session, what, name) == SSH_OK)
			puts(name);
	}
	ssh_free(session);
	return 0;
}

static ssh_key
load_key(const struct client *c)
{
	ssh_key key = NULL, cert = NULL;

	if (c->key == NULL)
		errx(1, "no key");
	if (ssh_pki_import_privkey_file(c->key, NULL, NULL, NULL, &key) !=
	    SSH_OK)
		errx(1, "%s: can't read the key", c->key);
	if (c->cert == NULL)
		return key;
	if (ssh_pki_import_cert_file(c->cert, &cert) != SSH_OK ||
	    ssh_pki_copy_cert_to_privkey(cert, key) != SSH_OK)
		errx(1, "%s: can't use the certificate", c->cert);
	ssh_key_free(cert);
	return key;
}

static int
answer_prompts(const struct client *c)
{
	int i, r;

	while ((r = ssh_userauth_kbdint(c->session, NULL, NULL)) ==
	    SSH_AUTH_INFO) {
		for (i = 0; i < ssh_userauth_kbdint_getnprompts(c->session);
		    i++) {
			if (ssh_userauth_kbdint_setanswer(c->session, i,
			    c->password) != 0)
				return SSH_AUTH_ERROR;
		}
	}
	return r;
}

/* Each method in its turn; all but the last succeed in part. */
static void
authenticate(const struct client *c)
{
	char *methods, *all, *method;
	int r = SSH_AUTH_DENIED;
	ssh_key key;

	if ((all = methods = strdup(c->auth)) == NULL)
		err(1, "strdup");
	while ((method = strsep(&methods, ",")) != NULL) {
		if (strcmp(method, "publickey") == 0) {
			key = load_key(c);
			r = ssh_userauth_publickey(c->session, NULL, key);
			ssh_key_free(key);
		} else if (strcmp(method, "password") == 0)
			r = ssh_userauth_password(c->session, NULL,
			    c->password);
		else
			r = answer_prompts(c);
		if (r != SSH_AUTH_SUCCESS && r != SSH_AUTH_PARTIAL)
			errx(1, "%s: %s", method, ssh_get_error(c->session));
	}
	free(all);
	if (r != SSH_AUTH_SUCCESS)
		errx(1, "the server wants more than %s", c->auth);
}

static int
output(ssh_session session, ssh_channel channel, void *data, uint32_t len,
    int is_stderr, void *ctx)
{
	const char *p = data;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if ((n = write(STDOUT_FILENO, p + done, len - done)) == -1)
			err(1, "write");
		done += n;
	}
	return len;
}

static void
closed(ssh_session session, ssh_channel channel, void *ctx)
{
	struct client *c = ctx;

	c->done = 1;
}

static void
exited(ssh_session session, ssh_channel channel, int status, void *ctx)
{
	struct client *c = ctx;

	c->status = status;
}

static int
input(socket_t fd, int revents, void *ctx)
{
	struct client *c = ctx;
	char buf[16384];
	ssize_t n;

	if ((revents & (POLLIN|POLLHUP)) == 0)
		return 0;
	if ((n = read(fd, buf, sizeof(buf))) <= 0) {
		ssh_channel_send_eof(c->channel);
		return -1;
	}
	if (ssh_channel_write(c->channel, buf, n) != n) {
		fprintf(stderr, "write: %s\n", ssh_get_error(c->session));
		c->done = 1;
	}
	return 0;
}

static void
run_shell(struct client *c)
{
	struct ssh_channel_callbacks_struct cb;
	ssh_event event;

	memset(&cb, 0, sizeof(cb));
	cb.userdata = c;
	cb.channel_data_function = output;
	cb.channel_close_function = closed;
	cb.channel_exit_status_function = exited;
	ssh_callbacks_init(&cb);
	if ((c->channel = ssh_channel_new(c->session)) == NULL ||
	    ssh_channel_open_session(c->channel) != SSH_OK ||
	    (c->tty && ssh_channel_request_pty(c->channel) != SSH_OK) ||
	    ssh_set_channel_callbacks(c->channel, &cb) != SSH_OK ||
	    ssh_channel_request_shell(c->channel) != SSH_OK)
		errx(1, "shell: %s", ssh_get_error(c->session));
	if ((event = ssh_event_new()) == NULL ||
	    ssh_event_add_session(event, c->session) != SSH_OK ||
	    ssh_event_add_fd(event, STDIN_FILENO, POLLIN, input, c) != SSH_OK)
		errx(1, "event loop");
	while (!c->done) {
		if (ssh_event_dopoll(event, -1) == SSH_ERROR)
			errx(1, "lost: %s", ssh_get_error(c->session));
	}
	ssh_event_remove_session(event, c->session);
	ssh_event_free(event);
}

static void
usage(void)
{
	fprintf(stderr, "usage: libssh-client [-Ctv] [-a METHODS] [-k KEY] "
	    "[-i CERTIFICATE] [-p PASSWORD]\n\t[-K KNOWN_HOSTS] [-e KEX] "
	    "[-h HOSTKEY] [-c CIPHER] [-m MAC]\n\t[-r REKEY_BYTES] USER HOST\n"
	    "       libssh-client -Q KIND LIST | -V\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct client c = { .auth = "publickey", .status = 254 };
	uint64_t rekey;
	int ch, level;

	if (argc == 4 && strcmp(argv[1], "-Q") == 0)
		return query(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		printf("libssh %s\n", ssh_version(0));
		return 0;
	}
	if ((c.session = ssh_new()) == NULL)
		errx(1, "ssh_new");
	ch = 0;
	option(c.session, SSH_OPTIONS_PROCESS_CONFIG, &ch);
	while ((ch = getopt(argc, argv, "Ctva:k:i:p:K:e:h:c:m:r:")) != -1) {
		switch (ch) {
		case 'C':
			option(c.session, SSH_OPTIONS_COMPRESSION, "yes");
			break;
		case 't':
			c.tty = 1;
			break;
		case 'v':
			level = SSH_LOG_TRACE;
			option(c.session, SSH_OPTIONS_LOG_VERBOSITY, &level);
			break;
		case 'a':
			c.auth = optarg;
			break;
		case 'k':
			c.key = optarg;
			break;
		case 'i':
			c.cert = optarg;
			break;
		case 'p':
			c.password = optarg;
			break;
		case 'K':
			option(c.session, SSH_OPTIONS_KNOWNHOSTS, optarg);
			break;
		case 'e':
			option(c.session, SSH_OPTIONS_KEY_EXCHANGE, optarg);
			break;
		case 'h':
			option(c.session, SSH_OPTIONS_HOSTKEYS, optarg);
			break;
		case 'c':
			both(c.session, SSH_OPTIONS_CIPHERS_C_S,
			    SSH_OPTIONS_CIPHERS_S_C, optarg);
			break;
		case 'm':
			both(c.session, SSH_OPTIONS_HMAC_C_S,
			    SSH_OPTIONS_HMAC_S_C, optarg);
			break;
		case 'r':
			rekey = strtoull(optarg, NULL, 10);
			option(c.session, SSH_OPTIONS_REKEY_DATA, &rekey);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2)
		usage();
	option(c.session, SSH_OPTIONS_USER, argv[optind]);
	option(c.session, SSH_OPTIONS_HOST, argv[optind + 1]);
	if (ssh_connect(c.session) != SSH_OK)
		errx(1, "connect: %s", ssh_get_error(c.session));
	if (ssh_session_is_known_server(c.session) != SSH_KNOWN_HOSTS_OK)
		errx(1, "not the host key of %s", argv[optind + 1]);
	authenticate(&c);
	run_shell(&c);
	ssh_disconnect(c.session);
	return c.status;
}
