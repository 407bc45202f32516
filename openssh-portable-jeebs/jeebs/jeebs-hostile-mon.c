/* SPDX-License-Identifier: ISC */
/* What a user's process can ask of MON and of the sockets around it. */
#include "includes.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "hostfile.h"
#include "auth.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "monitor_wrap.h"
#include "packet.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"
#include "jeebs/jeebs-hostile.h"
#include "jeebs/jeebs-msg.h"

#define FDS_MAX		1024

extern ServerOptions options;

static struct sshbuf *
root_message(struct hostile *h)
{
	struct sshbuf *m, *root = hostile_root(h);
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_ROOT)) != 0 ||
	    (r = sshbuf_put_stringb(m, root)) != 0)
		fatal_fr(r, "root");
	sshbuf_free(root);
	return m;
}

/* A root record on each descriptor that this process has. */
static void
every_descriptor(struct hostile *h)
{
	struct sshbuf *m = root_message(h);
	struct sockaddr_un sun;
	socklen_t len, optlen;
	char link[256], path[64];
	int fd, type, r;
	ssize_t n;

	for (fd = 0; fd < FDS_MAX; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if ((n = readlink(path, link, sizeof(link) - 1)) == -1)
			continue;
		link[n] = '\0';
		type = -1;
		optlen = sizeof(type);
		(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &optlen);
		memset(&sun, 0, sizeof(sun));
		len = sizeof(sun) - 1;
		if (getpeername(fd, (struct sockaddr *)&sun, &len) == -1 ||
		    sun.sun_family != AF_UNIX)
			sun.sun_path[0] = '\0';
		r = 1;
		if (type == SOCK_SEQPACKET)
			r = jeebs_msg_send(fd, m, NULL, 0, MSG_DONTWAIT);
		hostile_say(h, "fd %d %s peer \"%s\"%s", fd, link,
		    sun.sun_path, r == 0 ? " took a root record" : "");
	}
	sshbuf_free(m);
	hostile_say(h, "no more descriptors");
}

/* MON's end of the pair has a reader: none of this may mean anything. */
static void
to_mon(struct hostile *h)
{
	struct sshbuf *m = root_message(h);
	int fds[JEEBS_MAX_FDS], i, n = 0;
	u_char *type = sshbuf_mutable_ptr(m);

	for (i = 0; i < JEEBS_MAX_FDS; i++)
		fds[i] = h->kick;
	for (i = 0; i < 256; i++) {
		*type = (u_char)i;
		if (jeebs_msg_send(h->mon_fd, m, fds, i % JEEBS_MAX_FDS,
		    MSG_DONTWAIT) == 0)
			n++;
	}
	while (jeebs_msg_send(h->mon_fd, m, fds, JEEBS_MAX_FDS,
	    MSG_DONTWAIT) == 0)
		n++;
	hostile_say(h, "%d messages, until it was full", n);
	sshbuf_free(m);
}

static void
try_connect(struct hostile *h, const char *dir, const char *name)
{
	struct sockaddr_un sun;
	int fd, r;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir, name);
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET, 0)) == -1)
		fatal_f("socket: %s", strerror(errno));
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	hostile_say(h, "connect %s: %s", name,
	    r == -1 ? strerror(errno) : "WORKED");
	close(fd);
}

static void
jeebsd_sockets(struct hostile *h)
{
	char dir[256];

	strlcpy(dir, options.jeebs_socket, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	try_connect(h, dir, "export.sock");
	try_connect(h, dir, "adopt.sock");
	try_connect(h, dir, "ctl.sock");
}

/* The blob that PROTOCOL.sshsig signs. */
static struct sshbuf *
sshsig_blob(const char *ns, const char *hash, int alg, size_t hashlen)
{
	struct sshbuf *b;
	u_char digest[SSH_DIGEST_MAX_LENGTH];
	int r;

	memset(digest, 0, sizeof(digest));
	if ((r = ssh_digest_memory(alg, "forged", 6, digest,
	    sizeof(digest))) != 0)
		fatal_fr(r, "digest");
	if ((b = sshbuf_new()) == NULL ||
	    (r = sshbuf_put(b, "SSHSIG", 6)) != 0 ||
	    (r = sshbuf_put_cstring(b, ns)) != 0 ||
	    (r = sshbuf_put_string(b, NULL, 0)) != 0 ||
	    (r = sshbuf_put_cstring(b, hash)) != 0 ||
	    (r = sshbuf_put_string(b, digest, hashlen)) != 0)
		fatal_f("blob");
	return b;
}

static void
sign(struct hostile *h, const u_char *p, size_t len)
{
	struct sshkey *key;
	u_char *sig = NULL;
	size_t siglen = 0;

	if ((key = get_hostkey_public_by_index(0, h->ssh)) == NULL)
		fatal_f("no host key");
	hostile_say(h, "asks for a signature of %zu bytes", len);
	/* MON ends the session where it refuses: this doesn't return then */
	if (mm_sshkey_sign(h->ssh, key, &sig, &siglen, p, len,
	    sshkey_ssh_name(key), NULL, NULL, 0) == 0)
		hostile_say(h, "SIGNED");
}

static void
sign_blob(struct hostile *h, struct sshbuf *b)
{
	sign(h, sshbuf_ptr(b), sshbuf_len(b));
	sshbuf_free(b);
}

static void
sign_root(struct hostile *h)
{
	sign_blob(h, sshsig_blob("session-root@jeebs", "sha512",
	    SSH_DIGEST_SHA512, 64));
}

static void
sign_root_256(struct hostile *h)
{
	sign_blob(h, sshsig_blob("session-root@jeebs", "sha256",
	    SSH_DIGEST_SHA256, 32));
}

static void
sign_recovery(struct hostile *h)
{
	sign_blob(h, sshsig_blob("recovery-key@jeebs", "sha512",
	    SSH_DIGEST_SHA512, 64));
}

/* The proof of another session's host keys. */
static void
sign_proof(struct hostile *h)
{
	struct sshbuf *b;
	struct sshkey *key;
	u_char id[32];
	int r;

	memset(id, 7, sizeof(id));
	if ((key = get_hostkey_public_by_index(0, h->ssh)) == NULL)
		fatal_f("no host key");
	if ((b = sshbuf_new()) == NULL ||
	    (r = sshbuf_put_cstring(b, "hostkeys-prove-00@openssh.com")) != 0 ||
	    (r = sshbuf_put_string(b, id, sizeof(id))) != 0 ||
	    (r = sshkey_puts(key, b)) != 0)
		fatal_f("proof");
	sign_blob(h, b);
}

/*
 * What MON does sign: anything as long as an exchange hash, even if it is
 * the blob of a namespace of four letters. See regress/unit: none of ours is.
 */
static void
sign_hash(struct hostile *h)
{
	sign_blob(h, sshsig_blob("root", "sha256", SSH_DIGEST_SHA256, 32));
}

const struct hostile_attack hostile_mon_attacks[] = {
	{ "attack-every-descriptor", every_descriptor },
	{ "attack-mon", to_mon },
	{ "attack-sockets", jeebsd_sockets },
	{ "attack-sign-root", sign_root },
	{ "attack-sign-root-256", sign_root_256 },
	{ "attack-sign-recovery", sign_recovery },
	{ "attack-sign-proof", sign_proof },
	{ "attack-sign-hash", sign_hash },
	{ NULL, NULL }
};
