/* SPDX-License-Identifier: ISC */
/*
 * Where the client has us listen (ssh -R): a host that takes over listens there,
 * too. Who connects meanwhile waits in jeebsd.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "canohost.h"
#include "channels.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-target.h"
#include "jeebs/jeebs-wire.h"

extern ServerOptions options;

/* A port that isn't one was cut to one by getaddrinfo(3). */
static int
is_listener(const struct Channel *c)
{
	return c->type == SSH_CHANNEL_RUNIX_LISTENER ||
	    (c->type == SSH_CHANNEL_RPORT_LISTENER &&
	    c->listening_port >= 0 && c->listening_port <= 0xffff);
}

static int
put_listener(struct sshbuf *m, const struct Channel *c)
{
	int is_path = c->type == SSH_CHANNEL_RUNIX_LISTENER;
	char *addr = is_path ? NULL : get_local_ipaddr(c->sock);
	int r;

	if ((r = sshbuf_put_u8(m, is_path)) == 0 &&
	    (r = sshbuf_put_cstring(m, c->path)) == 0 && !is_path &&
	    /* by which the client cancels it, and what it has */
	    (r = sshbuf_put_u32(m, c->listening_port)) == 0 &&
	    (r = sshbuf_put_cstring(m, addr)) == 0)
		r = sshbuf_put_u32(m, get_local_port(c->sock));
	free(addr);
	return r;
}

static int
snapshot(struct ssh *ssh, struct jeebs_state *st)
{
	return jeebs_channels_put(ssh, st, JEEBS_TAG_LISTENER, is_listener,
	    put_listener);
}

/* As server_input_global_request() does. */
static int
allowed(const struct Forward *fwd)
{
	return jeebs_forwarding_allowed(fwd->listen_path != NULL ?
	    options.allow_streamlocal_forwarding :
	    options.allow_tcp_forwarding, FORWARD_REMOTE);
}

/* addr, numeric, is the caller's to free; NULL for a path. */
static int
get_listener(struct sshbuf *body, struct Forward *fwd, char **addr,
    uint32_t *asked)
{
	uint32_t port = 0;
	u_char is_path;
	int r;

	*asked = 0;
	if ((r = sshbuf_get_u8(body, &is_path)) != 0 ||
	    (r = jeebs_get_text(body, is_path ? &fwd->listen_path :
	    &fwd->listen_host)) != 0 ||
	    (!is_path && ((r = sshbuf_get_u32(body, asked)) != 0 ||
	    (r = jeebs_get_text(body, addr)) != 0 ||
	    (r = sshbuf_get_u32(body, &port)) != 0)))
		return r;
	if (sshbuf_len(body) != 0 || is_path > 1 || *asked > 0xffff ||
	    port > 0xffff || (!is_path && port == 0))
		return SSH_ERR_INVALID_FORMAT;
	fwd->listen_port = port;
	return 0;
}

/* On storage that both hosts have it may be the dead host's. */
static void
remove_stale(const char *path)
{
	struct sockaddr_un sun;
	struct stat sb;
	int sock;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path) || lstat(path, &sb) == -1 ||
	    !S_ISSOCK(sb.st_mode) || sb.st_uid != geteuid() ||
	    (sock = socket(AF_UNIX,
	    SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0)) == -1)
		return;
	if (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1 &&
	    errno == ECONNREFUSED && unlink(path) == -1)
		error_f("unlink %.100s: %s", path, strerror(errno));
	close(sock);
}

static void
say_not(const struct Forward *fwd)
{
	if (fwd->listen_path != NULL)
		logit("jeebs: the client had asked to listen at %.100s; this "
		    "host doesn't", fwd->listen_path);
	else
		logit("jeebs: the client had asked to listen at %.100s port %d; "
		    "this host doesn't", *fwd->listen_host == '\0' ? "*" :
		    fwd->listen_host, fwd->listen_port);
}

static int
listen_again(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	struct Forward fwd;
	char *addr = NULL;
	uint32_t asked;
	int r;

	memset(&fwd, 0, sizeof(fwd));
	if ((r = get_listener(body, &fwd, &addr, &asked)) != 0)
		goto out;
	if (fwd.listen_path != NULL && allowed(&fwd))
		remove_stale(fwd.listen_path);
	if (!allowed(&fwd) ||
	    !jeebs_channel_listen(ssh, &fwd, addr, asked, &options.fwd_opts))
		say_not(&fwd);
 out:
	free(fwd.listen_path);
	free(fwd.listen_host);
	free(addr);
	return r;
}

static int
prepare(struct ssh *ssh, struct jeebs_state *st)
{
	return jeebs_state_each(st, JEEBS_TAG_LISTENER, listen_again, ssh,
	    NULL);
}

const struct jeebs_module jeebs_module_listen = {
	.name = "listen",
	.tag = JEEBS_TAG_LISTENER,
	.snapshot = snapshot,
	.prepare = prepare,
};
